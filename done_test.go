package passport

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// farAway is a store that takes its time.
type farAway struct{ *memory.Store }

func (f farAway) Load(ctx context.Context, id string) (storage.Record, error) {
	time.Sleep(50 * time.Millisecond)
	return f.Store.Load(ctx, id)
}

func TestManyStreamsOnAStoreThatIsFarAwayAllEndInTime(t *testing.T) {
	bubble(t, always(http.StatusOK), func(t *testing.T, p *Passport, _ *revocations) {
		var watched []<-chan struct{}
		var ids []string
		for range 2000 {
			ids = append(ids, p.storeSession(t, ""))
			rec, err := p.store.Load(t.Context(), ids[len(ids)-1])
			require.NoError(t, err)
			s := &Session{p: p, rec: rec}
			watched = append(watched, s.Done(t.Context()))
		}
		time.Sleep(2 * recheckEvery)
		synctest.Wait()
		for _, id := range ids { // by an instance that nobody hears
			_, err := p.store.Delete(t.Context(), id)
			require.NoError(t, err)
		}
		began := time.Now()
		for _, done := range watched {
			<-done
		}
		assert.LessOrEqual(t, time.Since(began), 2*recheckEvery)
	}, func(c *Config) {
		c.Store, c.EncryptionKeys = farAway{memory.New(memory.Options{})}, [][]byte{[]byte("a key of exactly thirty-two byte")}
	})
}
