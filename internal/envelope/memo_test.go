package envelope

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

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

func TestAMemoOpensTheSameBytesOnce(t *testing.T) {
	keys, memo := keysOf(t, 1), new(Memo)
	r := Seal(keys, aRecord, Head{Begun: 1, Label: "first"}, nil)
	for range 2 {
		h, err := memo.OpenHead(keys, &r)
		require.NoError(t, err)
		assert.Equal(t, Head{Begun: 1, Label: "first"}, *h)
	}
	h, err := memo.OpenHead(keysOf(t, 2), &r)
	require.NoError(t, err, "it was not opened a second time")
	assert.Equal(t, "first", h.Label)

	r, err = SealHead(keys, r, Head{Begun: 1, Label: "second"})
	require.NoError(t, err)
	h, err = memo.OpenHead(keys, &r)
	require.NoError(t, err)
	assert.Equal(t, "second", h.Label, "what was written since is what counts")
}

func TestAMemoIsAsStrictAsTheSeal(t *testing.T) {
	keys, memo := keysOf(t, 1), new(Memo)
	r := Seal(keys, aRecord, Head{Begun: 1}, []byte("tokens"))
	_, err := memo.OpenHead(keys, &r)
	require.NoError(t, err)
	for name, alter := range map[string]func(*storage.Record){
		"under another id":      func(r *storage.Record) { r.ID = "an id of another" },
		"of another tenant":     func(r *storage.Record) { r.Tenant = "another" },
		"of another kind":       func(r *storage.Record) { r.Kind = storage.KindLogin },
		"of another subject":    func(r *storage.Record) { r.Subject = "mallory" },
		"of another sid":        func(r *storage.Record) { r.SID = "" },
		"cut":                   func(r *storage.Record) { r.Data = r.Data[:20] },
		"empty":                 func(r *storage.Record) { r.Data = nil },
		"other bytes elsewhere": func(r *storage.Record) { r.Data = bytes.Clone(r.Data); r.Data[12] ^= 1 },
	} {
		altered := r
		alter(&altered)
		_, err := memo.OpenHead(keys, &altered)
		assert.ErrorIs(t, err, ErrBroken, name)
	}
}

func TestAMemoKeepsNothingAlive(t *testing.T) {
	keys, memo := keysOf(t, 1), new(Memo)
	r := Seal(keys, aRecord, Head{Begun: 1}, make([]byte, 4096))
	_, err := memo.OpenHead(keys, &r)
	require.NoError(t, err)
	data := weak.Make(&r.Data[0])
	r = storage.Record{}
	require.Eventually(t, func() bool { runtime.GC(); return data.Value() == nil }, 20*time.Second, time.Millisecond)
}

func TestAMemoIsForManyAtOnce(t *testing.T) {
	keys, memo := keysOf(t, 1), new(Memo)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				want := Head{Begun: int64(i), Seen: int64(n)}
				r := Seal(keys, aRecord, want, nil) // all in one slot
				h, err := memo.OpenHead(keys, &r)
				assert.NoError(t, err)
				assert.Equal(t, want, *h)
			}
		})
	}
	wg.Wait()
}

func BenchmarkOpenHead(b *testing.B) {
	keys := keysOf(b, 1)
	r := Seal(keys, aRecord, Head{Begun: 1}, make([]byte, 2600))
	for _, c := range []struct {
		name string
		memo *Memo
	}{{"seal", nil}, {"memo", new(Memo)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.memo.OpenHead(keys, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
