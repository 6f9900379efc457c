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

func TestANoticeThatGetsLostIsNoticedAllTheSame(t *testing.T) {
	bubble(t, always(http.StatusOK), func(t *testing.T, p *Passport, _ *revocations) {
		s := &Session{p: p}
		var err error
		s.rec, err = p.store.Load(t.Context(), p.storeSession(t, ""))
		require.NoError(t, err)
		done := s.Done(t.Context())
		synctest.Wait()
		_, err = p.store.Delete(t.Context(), s.rec.ID) // by an instance that nobody hears
		require.NoError(t, err)
		began := time.Now()
		<-done
		assert.LessOrEqual(t, time.Since(began), recheckEvery)
	})
}

func TestDoneClosesWhenASessionExpires(t *testing.T) {
	bubble(t, always(http.StatusOK), func(t *testing.T, p *Passport, _ *revocations) {
		s := &Session{p: p}
		var err error
		s.rec, err = p.store.Load(t.Context(), p.storeSession(t, ""))
		require.NoError(t, err)
		began := time.Now()
		<-s.Done(t.Context())
		assert.InDelta(t, p.c.SessionLifetime, time.Since(began), float64(recheckEvery))
	}, func(c *Config) { c.SessionLifetime, c.IdleTimeout = time.Hour, -1 })
}

func TestAWatchIsForgottenWithItsRequest(t *testing.T) {
	bubble(t, always(http.StatusOK), func(t *testing.T, p *Passport, _ *revocations) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &Session{p: p}
		var err error
		s.rec, err = p.store.Load(t.Context(), p.storeSession(t, ""))
		require.NoError(t, err)
		s.Done(ctx)
		assert.Len(t, p.notices.IDs(), 1)
		cancel()
		synctest.Wait()
		assert.Empty(t, p.notices.IDs())
	})
}
