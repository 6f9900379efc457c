package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/passport-go/passport/storage"
)

func TestSaveRefusesWhatTheTablesCannotHold(t *testing.T) {
	s := openStore(t, newPool(t), Options{})
	for field, change := range map[string]func(*storage.Record){
		"Record.ID":       func(r *storage.Record) { r.ID = strings.Repeat("i", maxKey+1) },
		"Record.Subject":  func(r *storage.Record) { r.Subject = strings.Repeat("s", maxKey+1) },
		"Record.SID":      func(r *storage.Record) { r.SID = strings.Repeat("s", maxKey+1) },
		"Record.Revision": func(r *storage.Record) { r.Revision = 1 << 63 },
		"Record.Expiry":   func(r *storage.Record) { r.Expiry = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		r := aRecord("id")
		change(&r)
		_, err := s.Save(t.Context(), r)
		assert.ErrorContains(t, err, field)
		_, err = s.Enqueue(t.Context(), r, time.Minute)
		assert.ErrorContains(t, err, field)
	}
}

// The longest keys must fit into the indexes, and be found there.
func TestLongestKeys(t *testing.T) {
	s := openStore(t, newPool(t), Options{})
	r := aRecord(incompressible(maxKey))
	r.Subject, r.SID = incompressible(maxKey), incompressible(maxKey)
	r, err := s.Save(t.Context(), r)
	require.NoError(t, err)
	gone, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: r.Subject, SID: r.SID}, time.Minute)
	require.NoError(t, err)
	require.Len(t, gone, 1)
	assert.Equal(t, r, gone[0].Record)
}

// incompressible returns n bytes that the server cannot store in fewer.
func incompressible(n int) string {
	b := make([]byte, n)
	for i, x := 0, uint32(1); i < n; i++ {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

// A check on every request must not wait for anybody's write.
func TestLoadWaitsForNoLock(t *testing.T) {
	pool := newPool(t)
	s := openStore(t, pool, Options{})
	saved, err := s.Save(t.Context(), aRecord("id"))
	require.NoError(t, err)
	tx := begin(t, s)
	defer tx.Rollback(t.Context())
	_, err = tx.Exec(t.Context(), s.names.fill(`DELETE FROM {records}`))
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	loaded, err := s.Load(ctx, "id")
	require.NoError(t, err)
	assert.Equal(t, saved, loaded)
}

// A writer that has waited for another must answer by what that one left
// behind, not by what it saw before.
func TestSaveThatWaitedAnswersByWhatItFinds(t *testing.T) {
	for name, test := range map[string]struct {
		other string
		want  error
	}{
		"deleted":   {`DELETE FROM {records}`, storage.ErrNotFound},
		"replaced":  {`UPDATE {records} SET revision = revision + 1`, storage.ErrConflict},
		"expired":   {`UPDATE {records} SET expiry = '2000-01-01'`, storage.ErrNotFound},
		"as it was": {`UPDATE {records} SET data = ''`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, newPool(t), Options{})
			saved, err := s.Save(t.Context(), aRecord("id"))
			require.NoError(t, err)
			tx := begin(t, s)
			_, err = tx.Exec(t.Context(), s.names.fill(test.other))
			require.NoError(t, err)

			result := make(chan error, 1)
			go func() {
				_, err := s.Save(t.Context(), saved)
				result <- err
			}()
			waitForLockWait(t, s)
			require.NoError(t, tx.Commit(t.Context()))
			assert.ErrorIs(t, <-result, test.want)
		})
	}
}

func begin(t *testing.T, s *Store) pgx.Tx {
	t.Helper()
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	return tx
}

// waitForLockWait returns when a statement on the store's records waits.
func waitForLockWait(t *testing.T, s *Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		return query[int64](t, s.pool, `
			SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND strpos(query, $1) > 0`,
			s.names.table("records")) > 0
	}, 10*time.Second, 5*time.Millisecond)
}

// Callers whose selections overlap must not wait for each other in a circle. A
// deadlock would be tried again and go unnoticed, so it is counted here.
func TestOverlappingLogoutsDoNotDeadlock(t *testing.T) {
	var deadlocks atomic.Int64
	config := poolConfig(t, server.URL())
	config.ConnConfig.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool {
		if err.Code == deadlockDetected {
			deadlocks.Add(1)
		}
		return true
	}
	s := openStore(t, openPool(t, config), Options{})
	const subjects, sids = 3, 4
	for range 10 {
		for i := range subjects * sids * 4 {
			r := aRecord(fmt.Sprint(i))
			r.Subject, r.SID = fmt.Sprint("subject", i%subjects), fmt.Sprint("sid", i%sids)
			_, err := s.Save(t.Context(), r)
			require.NoError(t, err)
		}
		var callers errgroup.Group
		for i := range 12 {
			callers.Go(func() error {
				m := storage.Match{Subject: fmt.Sprint("subject", i%subjects)}
				if i%2 == 0 {
					m = storage.Match{SID: fmt.Sprint("sid", i%sids)}
				}
				_, err := s.DeleteMatching(t.Context(), m)
				return err
			})
		}
		require.NoError(t, callers.Wait())
	}
	assert.Zero(t, deadlocks.Load())
}

// Idle expiry moves a record's expiry again and again. That must not touch the
// indexes, or each of them would grow with every request. Three of these records
// would fill a page, if the table did not leave room in it.
func TestMovingTheExpiryStaysWithinThePage(t *testing.T) {
	pool := newPool(t)
	now := time.Now().Truncate(time.Hour)
	s := openStore(t, pool, Options{Now: func() time.Time { return now }})
	const records, touches = 40, 5
	var all [records]storage.Record
	for i := range all {
		all[i] = storage.Record{ID: fmt.Sprint(i), Subject: "subject", SID: "sid", Data: make([]byte, 2500)}
	}
	for range 1 + touches {
		now = now.Add(time.Second)
		for i := range all {
			all[i].Expiry = now.Add(time.Hour)
			saved, err := s.Save(t.Context(), all[i])
			require.NoError(t, err)
			all[i] = saved
		}
	}
	pool.Reset() // a connection tells of its work as it ends
	type counts struct{ updates, within int64 }
	var got counts
	require.Eventually(t, func() bool {
		err := pool.QueryRow(t.Context(), `SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = $1::regclass`,
			s.names.table("records")).Scan(&got.updates, &got.within)
		return assert.NoError(t, err) && got.updates == records*touches
	}, 20*time.Second, 20*time.Millisecond)
	assert.GreaterOrEqual(t, got.within, got.updates*98/100, "of %d", got.updates)
}
