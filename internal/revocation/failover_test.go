package revocation

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// unsafeStore says of what it removes that a fail-over may undo it.
type unsafeStore struct{ *memory.Store }

func (u unsafeStore) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	r, err := u.Store.DeleteAndEnqueue(ctx, id, lease)
	if err == nil {
		err = storage.ErrNotReplicated
	}
	return r, err
}

// The fail-over takes the queue's entry away; the process has it too.
func TestARevocationThatAFailOverTakesAwayIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &provider{answer: failing(unwell, 2)}
		s := unsafeStore{newStore()}
		p := start(t, s, provider)
		_, err := s.Save(t.Context(), record("a"))
		require.NoError(t, err)
		r, err := p.Delete(t.Context(), "a")
		require.ErrorIs(t, err, storage.ErrNotReplicated)
		require.NoError(t, s.Complete(t.Context(), *r)) // as if it had never been there
		p.RevokeOne(r)
		time.Sleep(time.Minute)
		assert.Equal(t, 1, provider.times("a"))
		p.stop(t.Context())
	})
}
