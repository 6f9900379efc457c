package seal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func must(t testing.TB, raw ...[]byte) *Keys {
	t.Helper()
	k, err := New(raw)
	require.NoError(t, err)
	return k
}

func TestOpenReturnsWhatWasSealedAndOnlyInItsPlace(t *testing.T) {
	k := must(t, keyOf(1))
	sealed := k.Seal(nil, []byte("tokens"), []byte("session a"))
	assert.NotContains(t, string(sealed), "tokens")

	plain, err := k.Open(nil, sealed, []byte("session a"))
	require.NoError(t, err)
	assert.Equal(t, "tokens", string(plain))

	_, err = k.Open(nil, sealed, []byte("session b"))
	assert.ErrorIs(t, err, ErrOpen)
}

func TestOpenRefusesEveryAlteredByteAndEveryCut(t *testing.T) {
	k := must(t, keyOf(1))
	sealed := k.Seal(nil, []byte("tokens"), nil)
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		_, err := k.Open(nil, altered, nil)
		assert.Error(t, err, "byte %d altered", i)
		_, err = k.Open(nil, sealed[:i], nil)
		assert.ErrorIs(t, err, ErrOpen, "cut to %d bytes", i)
	}
}

func TestAFormatOfALaterVersionIsNoAlteration(t *testing.T) {
	k := must(t, keyOf(1))
	sealed := k.Seal(nil, []byte("tokens"), nil)
	sealed[0]++
	_, err := k.Open(nil, sealed, nil)
	assert.ErrorIs(t, err, ErrLater)
	assert.NotErrorIs(t, err, ErrOpen)
	_, err = k.Open(nil, sealed[:1], nil)
	assert.ErrorIs(t, err, ErrLater, "how long it is depends on the format")
}

func TestKeysRotateNewestFirst(t *testing.T) {
	old, both, latest := must(t, keyOf(1)), must(t, keyOf(2), keyOf(1)), must(t, keyOf(2))

	plain, err := both.Open(nil, old.Seal(nil, []byte("x"), nil), nil)
	require.NoError(t, err, "the old key still opens")
	assert.Equal(t, "x", string(plain))

	_, err = latest.Open(nil, both.Seal(nil, []byte("x"), nil), nil)
	require.NoError(t, err, "the newest key seals")

	_, err = latest.Open(nil, old.Seal(nil, []byte("x"), nil), nil)
	assert.ErrorIs(t, err, ErrNoKey, "a key that is gone opens nothing")
}

func TestWithoutKeysEachProcessHasItsOwn(t *testing.T) {
	_, err := must(t).Open(nil, must(t).Seal(nil, []byte("x"), nil), nil)
	assert.ErrorIs(t, err, ErrNoKey)
}

func TestNewRefusesAKeyOfTheWrongLength(t *testing.T) {
	_, err := New([][]byte{keyOf(1), []byte("short")})
	assert.EqualError(t, err, "key 1 is 5 bytes long, not 32")
}

func FuzzOpenSeal(f *testing.F) {
	k := must(f, keyOf(1))
	f.Add([]byte("tokens"), []byte("place"))
	f.Fuzz(func(t *testing.T, plain, place []byte) {
		opened, err := k.Open(nil, k.Seal(nil, plain, place), place)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, opened))
		_, err = k.Open(nil, plain, place)
		require.Error(t, err, "what was never sealed does not open")
	})
}
