package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

func sizedRecord(i int, now time.Time) storage.Record {
	r := record(fmt.Sprintf("%043d", i), now)
	r.Data = bytes.Repeat([]byte{byte(i)}, sealedSize)
	return r
}

// fill creates sessions until the store refuses one.
func fill(t *testing.T, s *bolt.Store, clock *clock) []storage.Record {
	t.Helper()
	var filled []storage.Record
	for i := 0; ; i++ {
		r, err := s.Save(t.Context(), sizedRecord(i, clock.Now()))
		if errors.Is(err, storage.ErrFull) {
			return filled
		}
		require.NoError(t, err)
		filled = append(filled, r)
	}
}

func TestInAFullStoreSessionsCanBeReadRefreshedAndEnded(t *testing.T) {
	clock := newClock()
	s := open(t, tempPath(t), bolt.Options{Now: clock.Now, MaxSize: 1 << 20})
	filled := fill(t, s, clock)
	require.Greater(t, len(filled), 50)

	for i, r := range filled {
		assertStored(t, s, r)
		filled[i] = save(t, s, r)
	}
	_, err := s.Save(t.Context(), sizedRecord(len(filled), clock.Now()))
	require.ErrorIs(t, err, storage.ErrFull)

	for _, r := range filled {
		revocation, err := s.DeleteAndEnqueue(t.Context(), r.ID, time.Minute)
		require.NoError(t, err)
		assert.Equal(t, r, revocation.Record)
		assertAbsent(t, s, r.ID)
		require.NoError(t, s.Complete(t.Context(), revocation))
	}
	assert.NotEmpty(t, fill(t, s, clock), "the room is there again")
}

func TestAFullStoreLogsOutAUserEverywhereTimeAndAgain(t *testing.T) {
	clock := newClock()
	s := open(t, tempPath(t), bolt.Options{Now: clock.Now, MaxSize: 1 << 20})
	for round := range 3 {
		for i := range 20 {
			r := sizedRecord(1000*(round+1)+i, clock.Now())
			r.Subject = "alice"
			save(t, s, r)
		}
		others := fill(t, s, clock)

		revocations, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "alice"}, time.Minute)
		require.NoError(t, err)
		assert.Len(t, revocations, 20)
		for _, d := range revocations {
			require.NoError(t, s.Complete(t.Context(), d))
		}
		for _, r := range others {
			_, err := s.Delete(t.Context(), r.ID)
			require.NoError(t, err)
		}
	}
}

func TestASessionThatIsRefusedLeavesTheRoomSetAside(t *testing.T) {
	clock := newClock()
	path := tempPath(t)
	s := open(t, path, bolt.Options{Now: clock.Now, MaxSize: 1 << 20})
	fill(t, s, clock)
	require.NoError(t, s.Close())

	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		assert.Len(t, keys(tx, "reserve"), 1)
		return nil
	}))
}

func TestAFullStoreOpens(t *testing.T) {
	clock := newClock()
	path := tempPath(t)
	opts := bolt.Options{Now: clock.Now, MaxSize: 1 << 20}
	s := open(t, path, opts)
	filled := fill(t, s, clock)
	save(t, s, filled[0]) // by now the room set aside is in use
	require.NoError(t, s.Close())

	s = open(t, path, opts)
	assertStored(t, s, filled[1])
	_, err := s.Delete(t.Context(), filled[2].ID)
	assert.NoError(t, err)
}

func TestExpiredSessionsMakeRoomInAFullStore(t *testing.T) {
	clock := newClock()
	s := open(t, tempPath(t), bolt.Options{Now: clock.Now, MaxSize: 1 << 20})
	filled := fill(t, s, clock)
	clock.advance(2 * time.Hour)
	for i := range filled {
		save(t, s, sizedRecord(1000+i, clock.Now()))
	}
}
