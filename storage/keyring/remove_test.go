package keyring_test

import (
	"testing"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/keyring"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gokeyring "github.com/zalando/go-keyring"
)

func TestAnUninstallerLeavesNothing(t *testing.T) {
	user, other, opts := newUser(), newUser(), keyOptions(t)
	require.NoError(t, keyring.Remove(t.Context(), service, user, opts), "there is nothing")
	for _, u := range []string{user, other} {
		s := newStore(t, u, opts)
		for _, id := range []string{"a", "b", "c"} { // in both slots
			_, err := s.Save(t.Context(), record(id, 5000))
			require.NoError(t, err)
		}
		_, err := keyring.Key(t.Context(), service, u, opts)
		require.NoError(t, err)
		pin, err := keyring.NewPin(service, u, opts)
		require.NoError(t, err)
		require.NoError(t, pin.Set(t.Context(), "x"))
	}
	for range 2 {
		require.NoError(t, keyring.Remove(t.Context(), service, user, opts))
	}
	for _, name := range []string{"", "/a/0", "/a/1", "/b/0", "/b/1", "/key", "/pin"} {
		_, err := gokeyring.Get(service, user+name)
		assert.ErrorIs(t, err, gokeyring.ErrNotFound, name)
	}
	_, err := newStore(t, user, opts).Load(t.Context(), "a")
	assert.ErrorIs(t, err, storage.ErrNotFound)
	_, err = newStore(t, other, opts).Load(t.Context(), "a")
	assert.NoError(t, err, "the other's stay")
	_, err = gokeyring.Get(service, other+"/key")
	assert.NoError(t, err)
}

// Otherwise pieces of a session stay for ever.
func TestAnUninstallerLeavesNothingOfSessionsThatAreDamaged(t *testing.T) {
	user, opts := newUser(), keyOptions(t)
	_, err := newStore(t, user, opts).Save(t.Context(), record("a", 9000))
	require.NoError(t, err)
	head, err := gokeyring.Get(service, user)
	require.NoError(t, err)
	slot := user + "/" + string(head[2]) + "/"
	require.NoError(t, gokeyring.Delete(service, slot+"1"))
	_, err = gokeyring.Get(service, slot+"2")
	require.NoError(t, err)
	require.NoError(t, keyring.Remove(t.Context(), service, user, opts))
	for _, piece := range []string{"0", "2", "3", "4", "5"} {
		_, err := gokeyring.Get(service, slot+piece)
		assert.ErrorIs(t, err, gokeyring.ErrNotFound, piece)
	}
}
