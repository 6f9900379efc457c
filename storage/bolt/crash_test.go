package bolt_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// A killed process leaves, of every session, what the last call that returned
// has made of it, or what the one under way would have made of it.
func TestKillLeavesEachSessionWhole(t *testing.T) {
	const rounds = 20
	path := tempPath(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range rounds {
		child := startChild(t, "churn", path)
		acknowledged := map[string]step{}
		for range 1 + random.IntN(150) {
			noteLine(t, acknowledged, child.line(t))
		}
		require.NoError(t, child.Process.Kill())
		for child.lines.Scan() {
			noteLine(t, acknowledged, child.lines.Text())
		}
		checkAfterKill(t, path, acknowledged)
	}
}

// The life of a session: it is created, refreshed, and then comes to its fate.
type step int

const (
	notBegun step = iota
	created
	refreshed
	ended
)

var fates = []string{"kept", "deleted", "enqueued"}

const churners = 8

// churnUntilKilled takes sessions through their lives, several at once, and
// prints each step once it is done.
func churnUntilKilled(path string) error {
	s, err := bolt.Open(path, bolt.Options{LockTimeout: 10 * time.Second})
	if err != nil {
		return err
	}
	var printing sync.Mutex
	done := func(id string, n step) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Printf("%s %d .\n", id, n)
	}
	failed := make(chan error)
	for i := range churners {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d-%s", os.Getpid(), i, n, fates[n%len(fates)])
				if err := live(s, id, done); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func live(s *bolt.Store, id string, done func(string, step)) error {
	ctx := context.Background()
	r := record(id, time.Now())
	r.Subject = strings.Repeat("subject", 20+len(id)%2)
	r.Data = []byte(strings.Repeat(id, 100))
	r, err := s.Save(ctx, r)
	if err != nil {
		return err
	}
	done(id, created)
	if _, err = s.Save(ctx, r); err != nil {
		return err
	}
	done(id, refreshed)
	switch {
	case strings.HasSuffix(id, "deleted"):
		_, err = s.Delete(ctx, id)
	case strings.HasSuffix(id, "enqueued"):
		_, err = s.DeleteAndEnqueue(ctx, id, 0)
	default:
		return nil
	}
	if err == nil {
		done(id, ended)
	}
	return err
}

func noteLine(t *testing.T, acknowledged map[string]step, line string) {
	t.Helper()
	var id, end string
	var n step
	if _, err := fmt.Sscan(line, &id, &n, &end); err != nil {
		return // cut off by the kill
	}
	acknowledged[id] = max(acknowledged[id], n)
}

func checkAfterKill(t *testing.T, path string, acknowledged map[string]step) {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{LockTimeout: 10 * time.Second}) // the kernel may still be taking the child apart
	require.NoError(t, err)
	revocations := map[string]storage.Revocation{}
	claimed, err := s.Claim(t.Context(), "", 1<<20, 0)
	require.NoError(t, err)
	for _, d := range claimed {
		revocations[d.Record.ID] = d
	}
	for id, n := range acknowledged {
		now := stepOf(t, s, id, revocations)
		assert.Contains(t, []step{n, n + 1}, now, "session %s", id)
	}
	for _, d := range claimed {
		require.NoError(t, s.Complete(t.Context(), d))
	}
	require.NoError(t, s.Close())
	checkFile(t, path)
}

// stepOf tells from what is stored how far the session has come.
func stepOf(t *testing.T, s *bolt.Store, id string, revocations map[string]storage.Revocation) step {
	t.Helper()
	data := []byte(strings.Repeat(id, 100))
	revocation, enqueued := revocations[id]
	r, err := s.Load(t.Context(), id)
	if errors.Is(err, storage.ErrNotFound) {
		require.Equal(t, strings.HasSuffix(id, "enqueued"), enqueued, "session %s", id)
		if enqueued {
			assert.Equal(t, data, revocation.Record.Data)
		}
		return ended // a session is noted once it has been created
	}
	require.NoError(t, err)
	assert.False(t, enqueued, "session %s lives and is enqueued", id)
	assert.Equal(t, data, r.Data)
	listed, err := s.List(t.Context(), storage.Match{SID: r.SID, Subject: r.Subject})
	require.NoError(t, err)
	assert.Equal(t, []storage.Record{r}, listed)
	return step(r.Revision)
}

// checkFile checks what the store cannot see: that the database is sound, and
// that no index has entries too many or too few.
func checkFile(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			assert.NoError(t, err)
		}
		records := keys(tx, "records")
		assert.Equal(t, records, withoutNames(keys(tx, "subjects")))
		assert.Equal(t, records, withoutNames(keys(tx, "sids")))
		assert.Equal(t, records, withoutTimes(keys(tx, "expiries")))
		assert.Equal(t, keys(tx, "revocations"), withoutTimes(withoutTenants(keys(tx, "dues"))))
		return nil
	})
	require.NoError(t, err)
}

func keys(tx *bbolt.Tx, bucket string) (found []string) {
	_ = tx.Bucket([]byte("passport." + bucket)).ForEach(func(k, _ []byte) error {
		found = append(found, string(k))
		return nil
	})
	return found
}

// withoutNames returns the ids in the keys of an index by subject or sid, behind
// tenant, kind and name.
func withoutNames(keys []string) (ids []string) {
	for _, key := range keys {
		for range 3 {
			key = withoutText(key)
		}
		ids = append(ids, key)
	}
	slices.Sort(ids)
	return ids
}

// withoutText returns what is behind a text and its length.
func withoutText(key string) string {
	length, n := binary.Uvarint([]byte(key))
	return key[n+int(length):]
}

// withoutTimes returns the ids in the keys of an index by time.
func withoutTimes(keys []string) (ids []string) {
	for _, key := range keys {
		ids = append(ids, key[8:])
	}
	slices.Sort(ids)
	return ids
}

// withoutTenants returns what is behind the tenant in each key.
func withoutTenants(keys []string) (rest []string) {
	for _, key := range keys {
		rest = append(rest, withoutText(key))
	}
	return rest
}
