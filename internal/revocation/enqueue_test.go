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

// fullQueue is a store whose queue takes nothing.
type fullQueue struct{ *memory.Store }

func (fullQueue) Enqueue(context.Context, storage.Record, time.Duration) (storage.Revocation, error) {
	return storage.Revocation{}, storage.ErrFull
}

func (fullQueue) DeleteAndEnqueue(context.Context, string, time.Duration) (storage.Revocation, error) {
	return storage.Revocation{}, storage.ErrFull
}

func (fullQueue) DeleteMatchingAndEnqueue(context.Context, storage.Match, time.Duration) ([]storage.Revocation, error) {
	return nil, storage.ErrFull
}

func TestAQueueThatTakesNothingLosesNoToken(t *testing.T) {
	for name, revoke := range map[string]func(*process){
		"Enqueue": func(p *process) { p.Enqueue(record("session")) },
		"Delete":  func(p *process) { p.Revoke(p.end("session")) },
		"DeleteMatching": func(p *process) {
			r := record("session")
			r.Subject = "alice"
			_, err := p.store.Save(p.t.Context(), r)
			require.NoError(p.t, err)
			removed, err := p.DeleteMatching(p.t.Context(), storage.Match{Subject: "alice"})
			require.NoError(p.t, err)
			p.Revoke(removed...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := &provider{answer: failing(unwell, 3)}
				p := start(t, fullQueue{newStore()}, provider)
				revoke(p)
				synctest.Wait()
				assert.Equal(t, 1, p.Unrevoked())
				_, err := p.store.Load(t.Context(), "session")
				assert.ErrorIs(t, err, storage.ErrNotFound)
				time.Sleep(firstRetry + 2*firstRetry + time.Second)
				assert.Len(t, provider.called(), 3, "with the usual back-off")
				p.stop(t.Context())
				assert.Zero(t, p.Unrevoked())
			})
		})
	}
}

// plainStore is a store with the contract and no more.
type plainStore struct{ storage.TokenStore }

func TestAStoreWithoutAQueueIsGivenOne(t *testing.T) {
	plain := plainStore{newStore()}
	queue := WithQueue(plain, newStore())
	for _, id := range []string{"a", "b", "c"} {
		r := record(id)
		r.Subject = "alice"
		_, err := plain.Save(t.Context(), r)
		require.NoError(t, err)
	}
	one, err := queue.DeleteAndEnqueue(t.Context(), "a", Lease)
	require.NoError(t, err)
	_, err = queue.DeleteAndEnqueue(t.Context(), "a", Lease)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	rest, err := queue.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "alice"}, Lease)
	require.NoError(t, err)
	assert.Len(t, rest, 2)
	for _, r := range append(rest, one) {
		assert.NoError(t, queue.Complete(t.Context(), r))
		_, err := plain.Load(t.Context(), r.Record.ID)
		assert.ErrorIs(t, err, storage.ErrNotFound)
	}
}

func TestAQueueBesideAStoreReturnsWhatItHasEnqueued(t *testing.T) {
	plain := plainStore{newStore()}
	queue := WithQueue(plain, memory.New(memory.Options{RevocationLimit: 1}))
	for _, id := range []string{"a", "b"} {
		r := record(id)
		r.Subject = "alice"
		_, err := plain.Save(t.Context(), r)
		require.NoError(t, err)
	}
	enqueued, err := queue.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "alice"}, Lease)
	assert.ErrorIs(t, err, storage.ErrFull)
	assert.Len(t, enqueued, 1)
}
