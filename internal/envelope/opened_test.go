package envelope

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

func keysOf(t testing.TB, b byte) *seal.Keys {
	t.Helper()
	keys, err := seal.New([][]byte{bytes.Repeat([]byte{b}, seal.KeySize)})
	require.NoError(t, err)
	return keys
}

var aRecord = storage.Record{ID: "an id", Subject: "alice", SID: "a sid"}

// kept is a record as a store in this process hands it out.
func kept(r storage.Record) storage.Record {
	r.KeepDecoded()
	return r
}

func TestAHeadIsOpenedOnceForEachVersion(t *testing.T) {
	keys := keysOf(t, 1)
	r := kept(Seal(keys, aRecord, Head{Begun: 1, Label: "first"}, nil))
	first, err := OpenHeadOnce(keys, &r)
	require.NoError(t, err)
	assert.Equal(t, Head{Begun: 1, Label: "first"}, *first)
	copied := r
	again, err := OpenHeadOnce(keys, &copied)
	require.NoError(t, err)
	assert.Same(t, first, again)

	next, err := SealHead(keys, r, Head{Begun: 1, Label: "second"})
	require.NoError(t, err)
	h, err := OpenHeadOnce(keys, &next) // with the place of the version before it
	require.NoError(t, err)
	assert.Equal(t, "second", h.Label, "what was written since is what counts")
	h, err = OpenHeadOnce(keys, &r)
	require.NoError(t, err)
	assert.Equal(t, "first", h.Label)
}

func TestAHeadIsReadALastTime(t *testing.T) {
	keys := keysOf(t, 1)
	for _, known := range []bool{true, false} {
		r := kept(Seal(keys, aRecord, Head{Begun: 1}, nil))
		if known {
			_, err := OpenHeadOnce(keys, &r)
			require.NoError(t, err)
			r.Data[len(r.Data)/2] ^= 1 // it is not opened again
		}
		h, err := OpenHeadLast(keys, &r)
		require.NoError(t, err)
		assert.Equal(t, Head{Begun: 1}, h)
		assert.Equal(t, known, r.Decoded() != nil)
		r.SID = "another"
		_, err = OpenHeadLast(keys, &r)
		assert.ErrorIs(t, err, ErrBroken)
	}
}

func TestAnAccessTokenIsOpenedOnceForEachVersion(t *testing.T) {
	keys := keysOf(t, 1)
	r := kept(Seal(keys, aRecord, Head{Begun: 1}, Tokens{AccessToken: "first", ExpiresAt: 5}.Marshal()))
	_, err := OpenHeadOnce(keys, &r)
	require.NoError(t, err)
	first, err := OpenAccessTokenOnce(keys, &r)
	require.NoError(t, err)
	assert.Equal(t, AccessToken{"first", 5}, *first)
	copied := r
	again, err := OpenAccessTokenOnce(keys, &copied)
	require.NoError(t, err)
	assert.Same(t, first, again)

	next := Seal(keys, r, Head{Begun: 1}, Tokens{AccessToken: "second"}.Marshal()) // with the place of the version before it
	token, err := OpenAccessTokenOnce(keys, &next)
	require.NoError(t, err)
	assert.Equal(t, AccessToken{Token: "second"}, *token)
	token, err = OpenAccessTokenOnce(keys, &r)
	require.NoError(t, err)
	assert.Equal(t, "first", token.Token, "each has its own")
}

func TestAnAccessTokenWithoutAnOpenHeadIsOpenedEachTime(t *testing.T) {
	keys := keysOf(t, 1)
	sealed := Seal(keys, aRecord, Head{Begun: 1}, Tokens{AccessToken: "token"}.Marshal())
	for name, r := range map[string]storage.Record{"no place": sealed, "an empty place": kept(sealed)} {
		first, err := OpenAccessTokenOnce(keys, &r)
		require.NoError(t, err, name)
		second, err := OpenAccessTokenOnce(keys, &r)
		require.NoError(t, err, name)
		assert.Equal(t, AccessToken{Token: "token"}, *first, name)
		assert.Equal(t, *first, *second, name)
		assert.NotSame(t, first, second, name)
	}
}

func TestWhatIsOpenIsInNoDump(t *testing.T) {
	keys := keysOf(t, 1)
	r := kept(Seal(keys, aRecord, Head{Begun: 1}, Tokens{AccessToken: "an-access-token"}.Marshal()))
	_, err := OpenHeadOnce(keys, &r)
	require.NoError(t, err)
	_, err = OpenAccessTokenOnce(keys, &r)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.NotContains(t, fmt.Sprintf(verb, r)+fmt.Sprintf(verb, r.Decoded()), "an-access-token", verb)
	}
}

func TestAHeadWithoutAPlaceIsOpenedEachTime(t *testing.T) {
	keys := keysOf(t, 1)
	r := Seal(keys, aRecord, Head{Begun: 1}, nil)
	first, err := OpenHeadOnce(keys, &r)
	require.NoError(t, err)
	second, err := OpenHeadOnce(keys, &r)
	require.NoError(t, err)
	assert.Equal(t, *first, *second)
	assert.NotSame(t, first, second)
}

func TestAnOpenHeadIsAsStrictAsTheSeal(t *testing.T) {
	keys := keysOf(t, 1)
	r := kept(Seal(keys, aRecord, Head{Begun: 1}, Tokens{AccessToken: "token"}.Marshal()))
	_, err := OpenHeadOnce(keys, &r)
	require.NoError(t, err)
	_, err = OpenAccessTokenOnce(keys, &r)
	require.NoError(t, err)
	for name, alter := range map[string]func(*storage.Record){
		"under another id":   func(r *storage.Record) { r.ID = "an id of another" },
		"of another tenant":  func(r *storage.Record) { r.Tenant = "another" },
		"of another kind":    func(r *storage.Record) { r.Kind = storage.KindLogin },
		"of another subject": func(r *storage.Record) { r.Subject = "mallory" },
		"of another sid":     func(r *storage.Record) { r.SID = "" },
		"cut":                func(r *storage.Record) { r.Data = r.Data[:20] },
		"empty":              func(r *storage.Record) { r.Data = nil },
		"other bytes elsewhere": func(r *storage.Record) {
			r.Data = bytes.Clone(r.Data)
			r.Data[12] ^= 1            // in the head
			r.Data[len(r.Data)-1] ^= 1 // in the body
		},
	} {
		altered := r
		alter(&altered)
		_, err := OpenHeadOnce(keys, &altered)
		assert.ErrorIs(t, err, ErrBroken, name)
		_, err = OpenAccessTokenOnce(keys, &altered)
		assert.ErrorIs(t, err, ErrBroken, name)
	}
	_, err = OpenHeadOnce(keysOf(t, 2), &r)
	assert.ErrorIs(t, err, seal.ErrNoKey, "whoever shares the store without the key")
	_, err = OpenAccessTokenOnce(keysOf(t, 2), &r)
	assert.ErrorIs(t, err, seal.ErrNoKey, "whoever shares the store without the key")
}

func TestAPlaceIsForManyAtOnce(t *testing.T) {
	keys, others := keysOf(t, 1), keysOf(t, 1)
	r := kept(Seal(keys, aRecord, Head{Begun: 1}, Tokens{AccessToken: "token"}.Marshal()))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 500 {
				with := keys
				if i%2 > 0 {
					with = others
				}
				h, err := OpenHeadOnce(with, &r)
				assert.NoError(t, err)
				assert.Equal(t, int64(1), h.Begun)
				access, err := OpenAccessTokenOnce(with, &r)
				assert.NoError(t, err)
				assert.Equal(t, "token", access.Token)
				next, err := SealHead(with, r, Head{Seen: int64(n)})
				assert.NoError(t, err)
				h, err = OpenHeadOnce(with, &next)
				assert.NoError(t, err)
				assert.Equal(t, int64(n), h.Seen)
			}
		})
	}
	all.Wait()
}

func BenchmarkOpenHead(b *testing.B) {
	keys := keysOf(b, 1)
	r := Seal(keys, aRecord, Head{Begun: 1}, make([]byte, 2600))
	for _, c := range []struct {
		name   string
		record storage.Record
	}{{"seal", r}, {"place", kept(r)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := OpenHeadOnce(keys, &c.record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
