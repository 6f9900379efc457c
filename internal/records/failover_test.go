package records

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// lagging is a store whose replicas never confirm.
type lagging struct{ *memory.Store }

func (l lagging) Save(ctx context.Context, rec storage.Record) (storage.Record, error) {
	saved, err := l.Store.Save(ctx, rec)
	return saved, unsafe(err)
}

func (l lagging) Delete(ctx context.Context, id string) (storage.Record, error) {
	rec, err := l.Store.Delete(ctx, id)
	return rec, unsafe(err)
}

func unsafe(err error) error {
	if err == nil {
		return storage.ErrNotReplicated
	}
	return fmt.Errorf("%w; %w", err, storage.ErrNotReplicated)
}

func newGuarded() (*guarded, *[]string) {
	var back []string
	g := &guarded{TokenStore: lagging{memory.New(memory.Options{})}, ended: ended.New()}
	g.back = func(rec storage.Record) { back = append(back, rec.ID) }
	return g, &back
}

func rec(kind storage.Kind) storage.Record {
	return storage.Record{ID: string(kind), Kind: kind, Expiry: time.Now().Add(time.Hour)}
}

func TestOnlySessionsAndWhatEndsThemWaitForReplicas(t *testing.T) {
	g, _ := newGuarded()
	for kind, mustLast := range map[storage.Kind]bool{
		storage.KindSession: true, storage.KindLogin: false, storage.KindSuccessor: false, storage.KindLogoutToken: false,
		storage.KindLogoutDone: false, storage.KindLoginStopped: true, storage.KindLogoutMark: true, storage.KindBearerMark: true,
	} {
		saved, err := g.Save(t.Context(), rec(kind))
		assert.Equal(t, mustLast, NotReplicated(err), kind)
		assert.EqualValues(t, 1, saved.Revision, kind)
		_, err = g.Save(t.Context(), rec(kind))
		assert.ErrorIs(t, err, storage.ErrConflict, kind)
	}
	_, err := g.Delete(t.Context(), string(storage.KindSession))
	assert.NoError(t, err)
	_, err = g.Delete(t.Context(), string(storage.KindSession))
	assert.Equal(t, storage.ErrNotFound, err)
}

func TestWhatHasEndedIsNeitherReadNorWritten(t *testing.T) {
	g, back := newGuarded()
	saved, err := g.Save(t.Context(), rec(storage.KindSession))
	assert.True(t, NotReplicated(err))
	g.ended.Sessions(saved.ID)
	_, err = g.Load(t.Context(), saved.ID)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.Equal(t, []string{saved.ID}, *back)
	_, err = g.Save(t.Context(), saved)
	assert.ErrorIs(t, err, storage.ErrNotFound)
}
