package passport

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// readOnly is a store that does not answer who wants to change a record, as a
// database does not whose row is locked.
type readOnly struct{ *memory.Store }

func (s readOnly) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if r.Revision == 0 {
		return s.Store.Save(ctx, r)
	}
	<-ctx.Done()
	return storage.Record{}, ctx.Err()
}

func TestARequestDoesNotWaitForeverForItsUseToBeWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{
			ClientID: "client", RedirectURI: "https://app.example.com/",
			Store: readOnly{memory.New(memory.Options{})}, EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		})
		require.NoError(t, err)
		id := p.storeSession(t, "rt")
		time.Sleep(2 * p.touchEvery())

		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, p.findByID(ctx, id, &Session{}))
		assert.LessOrEqual(t, time.Since(began), records.RequestTimeout)
	})
}
