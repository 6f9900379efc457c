package document_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
)

// The contract of stores is tested in storage/file, storage/keyring and
// storage/localstorage.

// variable is a Backend in memory.
type variable struct {
	mu       sync.Mutex
	document []byte
	aside    []byte
}

func (v *variable) Read(context.Context) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return bytes.Clone(v.document), nil
}

func (v *variable) Update(_ context.Context, change func([]byte) ([]byte, error)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	next, err := change(bytes.Clone(v.document))
	if err == nil {
		v.document = next
	}
	return err
}

func (v *variable) SetAside(damaged []byte) error {
	v.aside = bytes.Clone(damaged)
	return nil
}

func TestADamagedDocumentIsSetAside(t *testing.T) {
	v := &variable{document: []byte("damaged")}
	s, err := document.New(t.Context(), v, document.Options{})
	require.NoError(t, err)
	_, err = s.Load(t.Context(), "id")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.Save(t.Context(), storage.Record{ID: "id", Expiry: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	assert.Equal(t, "damaged", string(v.aside))
}

func TestALockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "lock")
	release, err := document.NewLock(path, time.Minute).Acquire(t.Context())
	require.NoError(t, err)
	_, err = document.NewLock(path, time.Nanosecond).Acquire(t.Context())
	assert.ErrorContains(t, err, "held by another process")
	release()
	again, err := document.NewLock(path, time.Nanosecond).Acquire(t.Context())
	require.NoError(t, err)
	again()
}

func TestARecordIsChangedInOneStep(t *testing.T) {
	s, err := document.New(t.Context(), &variable{}, document.Options{})
	require.NoError(t, err)
	count := func(r *storage.Record) bool {
		r.Expiry, r.Data = time.Now().Add(time.Hour), append(bytes.Clone(r.Data), 'x')
		return true
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			_, err := document.UpdateRecord(t.Context(), s, "id", count)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	r, err := s.Load(t.Context(), "id")
	require.NoError(t, err)
	assert.Len(t, r.Data, 100)
	assert.EqualValues(t, 100, r.Revision)

	for _, id := range []string{"id", "another"} {
		before, _ := s.Load(t.Context(), id)
		left, err := document.UpdateRecord(t.Context(), s, id, func(r *storage.Record) bool {
			count(r)
			return false
		})
		require.NoError(t, err)
		assert.Equal(t, before.Data, left.Data)
		after, _ := s.Load(t.Context(), id)
		assert.Equal(t, before, after)
	}

	_, err = document.UpdateRecord(t.Context(), s, "id", func(r *storage.Record) bool {
		r.Expiry = time.Now().Add(-time.Minute)
		return true
	})
	assert.ErrorContains(t, err, "Expiry has passed")
}

// Players set their clocks ahead. What they owe from then is not put off for a year.
func TestARevocationDoesNotWaitForAClockThatWasAhead(t *testing.T) {
	now := time.Now()
	s, err := document.New(t.Context(), &variable{}, document.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	now = now.AddDate(1, 0, 0)
	_, err = s.Enqueue(t.Context(), storage.Record{ID: "id", Expiry: now.Add(time.Hour)}, time.Minute)
	require.NoError(t, err)
	now = now.AddDate(-1, 0, 0)
	claimed, err := s.Claim(t.Context(), "", 1, time.Minute)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	assert.True(t, claimed[0].Due.Equal(now.Add(time.Minute)))
	again, err := s.Claim(t.Context(), "", 1, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, again, "it is leased")
	require.NoError(t, s.Complete(t.Context(), claimed[0]))
}
