package keyring_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/passport-go/passport/storage/keyring"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gokeyring "github.com/zalando/go-keyring"
)

func keyOptions(t *testing.T) keyring.Options {
	t.Helper()
	return keyring.Options{LockFile: filepath.Join(t.TempDir(), "lock")}
}

func TestTheKeyIsMadeOnceForEachUser(t *testing.T) {
	user, opts := newUser(), keyOptions(t)
	key, err := keyring.Key(t.Context(), service, user, opts)
	require.NoError(t, err)
	assert.Len(t, key, 32)
	again, err := keyring.Key(t.Context(), service, user, opts)
	require.NoError(t, err)
	assert.Equal(t, key, again)
	other, err := keyring.Key(t.Context(), service, newUser(), opts)
	require.NoError(t, err)
	assert.NotEqual(t, key, other)
}

func TestAKeyAndSessionsShareTheirUser(t *testing.T) {
	user, opts := newUser(), keyOptions(t)
	s := newStore(t, user, opts)
	key, err := keyring.Key(t.Context(), service, user, opts)
	require.NoError(t, err)
	_, err = s.Save(t.Context(), record("a", 5000))
	require.NoError(t, err)
	_, err = s.Delete(t.Context(), "a")
	require.NoError(t, err)
	again, err := keyring.Key(t.Context(), service, user, opts)
	require.NoError(t, err)
	assert.Equal(t, key, again, "the end of the last session is not the end of the key")
}

func TestEverybodyWhoComesAtOnceGetsTheSameKey(t *testing.T) {
	user, opts := newUser(), keyOptions(t)
	keys := make([][]byte, 8)
	var racing sync.WaitGroup
	for i := range keys {
		racing.Go(func() {
			key, err := keyring.Key(t.Context(), service, user, opts)
			assert.NoError(t, err)
			keys[i] = key
		})
	}
	racing.Wait()
	for _, key := range keys {
		assert.Equal(t, keys[0], key)
	}
}

func TestAnItemThatIsNoKeyIsLeftAlone(t *testing.T) {
	user := newUser()
	require.NoError(t, gokeyring.Set(service, user+"/key", "hunter2"))
	_, err := keyring.Key(t.Context(), service, user, keyOptions(t))
	require.ErrorContains(t, err, "holds no key")
	assert.NotContains(t, err.Error(), "hunter2")
	there, err := gokeyring.Get(service, user+"/key")
	require.NoError(t, err)
	assert.Equal(t, "hunter2", there)
}

func TestKeyRefusesNamesThatNewRefuses(t *testing.T) {
	for _, names := range [][2]string{{"", "user"}, {service, ""}, {service, strings.Repeat("x", 300)}} {
		_, err := keyring.Key(t.Context(), names[0], names[1], keyOptions(t))
		assert.ErrorContains(t, err, "service and user must not be")
	}
}
