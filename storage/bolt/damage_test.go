package bolt_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// fileOf returns the contents of a store's file with n records.
func fileOf(t *testing.T, clock *clock, n int) []byte {
	t.Helper()
	path := tempPath(t)
	db, s := openUnsynced(t, path, bolt.Options{Now: clock.Now})
	for i := range n {
		save(t, s, record(fmt.Sprint(i), clock.Now()))
	}
	require.NoError(t, db.Close())
	contents, err := os.ReadFile(path)
	require.NoError(t, err)
	return contents
}

func writeFile(t *testing.T, contents []byte) (path string) {
	t.Helper()
	path = tempPath(t)
	require.NoError(t, os.WriteFile(path, contents, 0o600))
	return path
}

func TestADamagedRecordIsAbsentAndNoOtherIs(t *testing.T) {
	clock := newClock()
	contents := fileOf(t, clock, 10)
	for field, found := range map[string]string{
		"data":    "data of 7",
		"sid":     "sid of 7data",
		"subject": "subject of 7\x08sid",
	} {
		t.Run(field, func(t *testing.T) {
			path := writeFile(t, flip(t, contents, found))
			var log bytes.Buffer
			s := open(t, path, bolt.Options{Now: clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})

			_, err := s.Load(t.Context(), "7")
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assert.ErrorContains(t, err, "the record is damaged")
			assert.Contains(t, log.String(), "the record is damaged")
			_, err = s.Delete(t.Context(), "7")
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assertStored(t, s, withRevision(record("6", clock.Now()), 1))

			removed, err := s.DeleteMatching(t.Context(), storage.Match{Subject: "subject of 7"})
			assert.NoError(t, err)
			assert.Empty(t, removed)

			require.NoError(t, s.Close())
			assertSweptClean(t, path)
		})
	}
}

// flip returns the contents with a bit of each such place turned over; bbolt
// leaves old copies of a page behind.
func flip(t *testing.T, contents []byte, found string) []byte {
	t.Helper()
	require.Positive(t, bytes.Count(contents, []byte(found)))
	damaged := []byte(found)
	damaged[0] ^= 4
	return bytes.ReplaceAll(contents, []byte(found), damaged)
}

// assertSweptClean checks that when their time has come all records go, the
// damaged as well.
func assertSweptClean(t *testing.T, path string) {
	t.Helper()
	clock := newClock()
	clock.advance(2 * time.Hour)
	s := open(t, path, bolt.Options{Now: clock.Now})
	for i := range 10 {
		save(t, s, record(fmt.Sprint("new ", i), clock.Now()))
	}
	require.NoError(t, s.Close())

	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		assert.Len(t, keys(tx, "records"), 10)
		assert.Len(t, keys(tx, "expiries"), 10)
		return nil
	}))
}

func TestADamagedRevocationDoesNotHoldUpTheOthers(t *testing.T) {
	clock := newClock()
	path := tempPath(t)
	s := open(t, path, bolt.Options{Now: clock.Now})
	for i := range 5 {
		_, err := s.Enqueue(t.Context(), record(fmt.Sprint(i), clock.Now()), time.Duration(i)*time.Second)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	contents, err := os.ReadFile(path)
	require.NoError(t, err)
	clock.advance(time.Hour)

	var log bytes.Buffer
	s = open(t, writeFile(t, flip(t, contents, "data of 0")), bolt.Options{
		Now:    clock.Now,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for _, want := range []int{0, 1, 1, 1, 1, 0} {
		claimed, err := s.Claim(t.Context(), "", 1, time.Hour)
		require.NoError(t, err)
		assert.Len(t, claimed, want)
	}
	assert.Contains(t, log.String(), "the record is damaged")
	_, err = s.Enqueue(t.Context(), record("0", clock.Now()), time.Hour)
	assert.NoError(t, err, "nothing is left of it")
}

// A power cut can leave a meta page half written. The other one is that of the
// commit before.
func TestATornMetaPageCostsAtMostTheLastCommit(t *testing.T) {
	clock := newClock()
	contents := fileOf(t, clock, 10)
	pageSize := os.Getpagesize()
	lost := 0
	for page := range 2 {
		torn := bytes.Clone(contents)
		clear(torn[page*pageSize+32 : (page+1)*pageSize])
		s := open(t, writeFile(t, torn), bolt.Options{Now: clock.Now})
		for i := range 9 {
			assertStored(t, s, withRevision(record(fmt.Sprint(i), clock.Now()), 1))
		}
		if _, err := s.Load(t.Context(), "9"); err != nil {
			assert.ErrorIs(t, err, storage.ErrNotFound)
			lost++
		}
	}
	assert.Equal(t, 1, lost, "one of the two is the last")
}

func TestATruncatedFileIsRefused(t *testing.T) {
	clock := newClock()
	contents := fileOf(t, clock, 200)
	used := usedPages(t, contents) * os.Getpagesize()
	for size := 1; size < used; size += used / 40 {
		path := writeFile(t, contents[:size])
		_, err := bolt.Open(path, bolt.Options{Now: clock.Now})
		require.Error(t, err, "cut to %d of %d bytes", size, used)
		assert.ErrorContains(t, err, path)
		assert.ErrorContains(t, err, "restore it from a backup")
	}
	open(t, writeFile(t, contents[:used]), bolt.Options{Now: clock.Now})
}

// usedPages returns how many pages the database has, free ones included.
func usedPages(t *testing.T, contents []byte) (n int) {
	t.Helper()
	db, err := bbolt.Open(writeFile(t, contents), 0o600, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.View(func(tx *bbolt.Tx) error {
		n = int(tx.Size()) / os.Getpagesize()
		return nil
	}))
	return n
}

func TestWhatIsNoDatabaseIsRefused(t *testing.T) {
	for name, contents := range map[string][]byte{
		"text":   []byte(strings.Repeat("To be, or not to be. ", 1000)),
		"zeros":  make([]byte, 1<<20),
		"a byte": {1},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, contents)
			_, err := bolt.Open(path, bolt.Options{})
			require.Error(t, err)
			assert.ErrorContains(t, err, path)
			assert.ErrorContains(t, err, "restore it from a backup")
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(contents, left), "what was there is left alone")
		})
	}
}

// Whatever a bad disk returns, the program lives, and a record is as it was
// saved or it is not there.
func TestDamageNeverPanicsOrShowsAWrongRecord(t *testing.T) {
	const seed, files = 1, 100
	random := rand.New(rand.NewPCG(seed, 0))
	clock := newClock()
	contents := fileOf(t, clock, damageable)
	used := usedPages(t, contents) * os.Getpagesize()
	for range files {
		damaged := bytes.Clone(contents)
		for range 1 + random.IntN(8) {
			at := random.IntN(used)
			for i := range min(1+random.IntN(64), used-at) {
				damaged[at+i] = byte(random.Uint32())
			}
		}
		if s, err := bolt.Open(writeFile(t, damaged), bolt.Options{Now: clock.Now}); err == nil {
			loadAll(t, s, clock)
			require.NoError(t, s.Close())
		}
	}
}

// damageable is how many sessions there are in a file to be damaged.
const damageable = 60

func loadAll(t *testing.T, s *bolt.Store, clock *clock) (failed int) {
	t.Helper()
	for i := range damageable {
		want := withRevision(record(fmt.Sprint(i), clock.Now()), 1)
		listed, _ := s.List(t.Context(), storage.Match{Subject: want.Subject})
		for _, r := range listed {
			assert.Equal(t, want, r)
		}
		r, err := s.Load(t.Context(), want.ID)
		if err != nil {
			failed++
			continue
		}
		assert.Equal(t, want, r)
	}
	return failed
}

// Every write comes by what has expired. Damage there must not stop them all.
func TestExpiredSessionsThatCannotBeRemovedAreLeft(t *testing.T) {
	clock := newClock()
	contents := fileOf(t, clock, 10)
	expiry := string(binary.BigEndian.AppendUint64(nil, uint64(clock.Now().Add(time.Hour).UnixMicro())|1<<63))
	contents = bytes.ReplaceAll(contents, []byte(expiry+"4"), []byte(expiry+"0")) // in the index by expiry
	clock.advance(2 * time.Hour)

	var log bytes.Buffer
	s := open(t, writeFile(t, contents), bolt.Options{Now: clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for i := range 5 {
		r := save(t, s, record(fmt.Sprint("new ", i), clock.Now()))
		_, err := s.Delete(t.Context(), r.ID)
		require.NoError(t, err)
	}
	assert.Contains(t, log.String(), "keys out of order")
	assert.Contains(t, log.String(), "expired sessions will not be removed")
}

// A disk loses a write, or puts it in another place. The calls that need the
// page fail, writes too, and those that do not need it go on.
func TestALostPageFailsThoseWhoNeedIt(t *testing.T) {
	clock := newClock()
	contents := fileOf(t, clock, damageable)
	pageSize := os.Getpagesize()
	for page := 2; page < usedPages(t, contents); page++ {
		for name, instead := range map[string][]byte{
			"lost":      make([]byte, pageSize),
			"displaced": contents[(page-1)*pageSize : page*pageSize],
		} {
			damaged := bytes.Clone(contents)
			copy(damaged[page*pageSize:], instead)
			s, err := bolt.Open(writeFile(t, damaged), bolt.Options{Now: clock.Now})
			if err != nil {
				assert.ErrorContains(t, err, "is damaged", "page %d %s", page, name)
				continue
			}
			before := loadAll(t, s, clock)
			for i := range 3 {
				_, _ = s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{SID: fmt.Sprint("sid of ", i)}, 0)
				_, _ = s.Save(t.Context(), record(fmt.Sprint("new ", i), clock.Now()))
			}
			_, _ = s.Claim(t.Context(), "", 100, 0)
			assert.LessOrEqual(t, loadAll(t, s, clock), before+3, "page %d %s", page, name)
			require.NoError(t, s.Close())
		}
	}
}

func withRevision(r storage.Record, revision uint64) storage.Record {
	r.Revision = revision
	return r
}
