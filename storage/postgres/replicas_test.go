package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/postgres/postgrestest"
	"github.com/passport-go/passport/storage/storagetest"
)

// pair is a primary and its synchronous standby.
type pair struct{ primary, standby *postgrestest.Server }

func newPair(t *testing.T) *pair {
	t.Helper()
	primary, err := postgrestest.Start("fsync=off", "synchronous_standby_names=standby", "synchronous_commit=local", "max_connections=50")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, primary.Close()) })
	p := &pair{primary: primary}
	p.standby, err = primary.StartStandby("fsync=off")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.standby.Close()) })
	p.waitForStandby(t)
	return p
}

func (p *pair) waitForStandby(t *testing.T) {
	t.Helper()
	pool := openPool(t, poolConfig(t, p.primary.URL()))
	require.Eventually(t, func() bool {
		return query[int64](t, pool, `SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'`) == 1
	}, 20*time.Second, 10*time.Millisecond, "the standby to follow")
}

// hearing is the configuration of a pool whose store can wait.
func hearing(t testing.TB, url string) *pgxpool.Config {
	config := poolConfig(t, url)
	config.ConnConfig.OnNotice = OnNotice
	return config
}

func (p *pair) store(t *testing.T, opts Options) *Store {
	t.Helper()
	if opts.SynchronousCommit == "" {
		opts.SynchronousCommit = RemoteFlush
	}
	return openStore(t, openPool(t, hearing(t, p.primary.URL())), opts)
}

// writes are the methods that wait, on records a to d. The result of each is what it
// returns beside an error.
func writes(t testing.TB, s *Store) map[string]func() (ids []string, err error) {
	ctx := t.Context()
	one := func(id string, err error) ([]string, error) { return []string{id}, err }
	return map[string]func() ([]string, error){
		"save":   func() ([]string, error) { r, err := s.Save(ctx, aRecord("new")); return one(r.ID, err) },
		"delete": func() ([]string, error) { r, err := s.Delete(ctx, "a"); return one(r.ID, err) },
		"delete and enqueue": func() ([]string, error) {
			d, err := s.DeleteAndEnqueue(ctx, "b", time.Minute)
			return one(d.Record.ID, err)
		},
		"delete matching": func() ([]string, error) {
			removed, err := s.DeleteMatching(ctx, storage.Match{SID: "sid of c"})
			var ids []string
			for _, r := range removed {
				ids = append(ids, r.ID)
			}
			return ids, err
		},
		"delete matching and enqueue": func() ([]string, error) {
			removed, err := s.DeleteMatchingAndEnqueue(ctx, storage.Match{SID: "sid of d"}, time.Minute)
			var ids []string
			for _, d := range removed {
				ids = append(ids, d.Record.ID)
			}
			return ids, err
		},
		"enqueue": func() ([]string, error) {
			d, err := s.Enqueue(ctx, aRecord("e"), time.Minute)
			return one(d.Record.ID, err)
		},
	}
}

var written = map[string]string{
	"save": "new", "delete": "a", "delete and enqueue": "b", "delete matching": "c", "delete matching and enqueue": "d", "enqueue": "e",
}

// saveFour saves the records that writes needs.
func saveFour(t testing.TB, s *Store) {
	for _, id := range []string{"a", "b", "c", "d"} {
		r := aRecord(id)
		r.SID = "sid of " + id
		if _, err := s.Save(t.Context(), r); !errors.Is(err, storage.ErrNotReplicated) { // on a busy machine
			require.NoError(t, err)
		}
	}
}

func TestAWriteThatTheStandbyDoesNotHaveSaysSoBesideItsResult(t *testing.T) {
	p := newPair(t)
	for _, level := range []SynchronousCommit{RemoteWrite, RemoteFlush, RemoteApply} {
		s := p.store(t, Options{SynchronousCommit: level, SyncTimeout: 100 * time.Millisecond})
		saveFour(t, s)
		require.NoError(t, p.standby.Kill())
		for name, write := range writes(t, s) {
			ids, err := write()
			assert.ErrorIs(t, err, storage.ErrNotReplicated, name)
			assert.NotErrorIs(t, err, storage.ErrNotFound, name)
			assert.Equal(t, []string{written[name]}, ids, name)
		}
		// What they find absent, or in the way, is not safe either.
		for name, write := range writes(t, s) {
			_, err := write()
			assert.ErrorIs(t, err, storage.ErrNotReplicated, name+" again")
			assert.Equal(t, strings.HasPrefix(name, "delete") && !strings.Contains(name, "matching"), errors.Is(err, storage.ErrNotFound), name)
			assert.Equal(t, !strings.HasPrefix(name, "delete"), errors.Is(err, storage.ErrConflict), name)
		}
		require.NoError(t, p.standby.Restart())
		p.waitForStandby(t)
		for name, write := range writes(t, s) {
			require.Eventually(t, func() bool { _, err := write(); return !errors.Is(err, storage.ErrNotReplicated) },
				20*time.Second, 10*time.Millisecond, name+" to be safe")
		}
	}
}

// A statement that has nothing to write would not wait.
func TestThatThereIsNothingToDeleteIsWaitedForToo(t *testing.T) {
	p := newPair(t)
	s := p.store(t, Options{SyncTimeout: 100 * time.Millisecond})
	require.NoError(t, p.standby.Kill())
	_, err := s.Delete(t.Context(), "none")
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.ErrorIs(t, err, errCut, "it has waited")
}

// The wait is cancelled by somebody else: PostgreSQL only gives notice.
func TestAWaitThatAnAdministratorCancelsProvesNothing(t *testing.T) {
	p := newPair(t)
	s := p.store(t, Options{SyncTimeout: time.Minute})
	saveFour(t, s)
	require.NoError(t, p.standby.Kill())
	admin := openPool(t, poolConfig(t, p.primary.URL()))
	type answer struct {
		r   storage.Record
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		r, err := s.Delete(context.Background(), "a")
		answers <- answer{r, err}
	}()
	require.Eventually(t, func() bool {
		return query[bool](t, admin, `SELECT coalesce(bool_or(pg_cancel_backend(pid)), false) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
	}, 20*time.Second, 10*time.Millisecond, "the write to wait")
	a := <-answers
	assert.ErrorIs(t, a.err, storage.ErrNotReplicated)
	assert.Equal(t, "a", a.r.ID)
}

// What was lost is done again.
func TestADeleteThatAFailOverUndoesCanBeDoneAgain(t *testing.T) {
	p := newPair(t)
	opts := Options{SyncTimeout: 100 * time.Millisecond, Prefix: freshPrefix(), SynchronousCommit: RemoteFlush}
	s := p.store(t, opts)
	saveFour(t, s)
	require.NoError(t, p.standby.Kill())
	_, err := s.DeleteAndEnqueue(t.Context(), "a", time.Minute)
	require.ErrorIs(t, err, storage.ErrNotReplicated)
	require.NoError(t, p.primary.Kill())
	require.NoError(t, p.standby.Restart())
	require.NoError(t, p.standby.Promote(t.Context()))

	opts.SyncTimeout = 20 * time.Second // nothing is waited for
	after, err := New(openPool(t, hearing(t, p.standby.URL())), opts)
	require.NoError(t, err)
	_, err = after.Load(t.Context(), "a")
	require.NoError(t, err, "back from the dead")
	d, err := after.DeleteAndEnqueue(t.Context(), "a", time.Minute)
	assert.Equal(t, "a", d.Record.ID)
	assert.ErrorContains(t, err, "set synchronous_standby_names", "the new primary has no standby")
	require.ErrorIs(t, err, storage.ErrNotReplicated)
}

func TestAStandbyThatIsAwayDoesNotHoldEveryWriteUp(t *testing.T) {
	p := newPair(t)
	const bound = 400 * time.Millisecond
	s := p.store(t, Options{SyncTimeout: bound})
	saveFour(t, s)
	require.NoError(t, p.standby.Kill())
	began := time.Now()
	for range 40 {
		_, err := s.Delete(t.Context(), "none")
		require.ErrorIs(t, err, storage.ErrNotReplicated)
	}
	assert.Less(t, time.Since(began), 30*bound, "one a second waits, and not each of the 40")
}

func TestAWaitEndsBeforeTheCallersDeadline(t *testing.T) {
	p := newPair(t)
	s := p.store(t, Options{SyncTimeout: time.Minute})
	saveFour(t, s)
	require.NoError(t, p.standby.Kill())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	removed, err := s.Delete(ctx, "a")
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.Equal(t, "a", removed.ID, "it is known that it was removed")
}

// The store sets the level for its own transactions alone.
func TestTheLevelOfOthersStaysAsItWas(t *testing.T) {
	p := newPair(t)
	config := hearing(t, p.primary.URL())
	config.MaxConns = 1
	pool := openPool(t, config)
	saveFour(t, openStore(t, pool, Options{SynchronousCommit: RemoteApply}))
	assert.Equal(t, "local", query[string](t, pool, `SHOW synchronous_commit`))
}

func TestTheContractHoldsWhileAStandbyIsWaitedFor(t *testing.T) {
	p := newPair(t)
	for name, alter := range map[string]func(*pgxpool.Config){
		"read committed": func(*pgxpool.Config) {},
		"serializable":   func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable" },
	} {
		t.Run(name, func(t *testing.T) {
			config := hearing(t, p.primary.URL())
			alter(config)
			pool := openPool(t, config)
			storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
				return openStore(t, pool, Options{Now: now, SynchronousCommit: RemoteWrite, SyncTimeout: 10 * time.Second})
			})
		})
	}
}

func TestEveryExecModeWaits(t *testing.T) {
	p := newPair(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		config := hearing(t, p.primary.URL())
		config.ConnConfig.DefaultQueryExecMode = mode
		s := openStore(t, openPool(t, config), Options{SynchronousCommit: RemoteFlush, SyncTimeout: 100 * time.Millisecond})
		saveFour(t, s)
		require.NoError(t, p.standby.Kill())
		removed, err := s.Delete(t.Context(), "a")
		assert.ErrorIs(t, err, storage.ErrNotReplicated, mode.String())
		assert.Equal(t, "a", removed.ID, mode.String())
		require.NoError(t, p.standby.Restart())
		p.waitForStandby(t)
	}
}

func TestNewRefusesToWaitInVain(t *testing.T) {
	pool := openPool(t, hearing(t, server.URL()))
	_, err := New(newPool(t), Options{SynchronousCommit: RemoteFlush})
	assert.ErrorContains(t, err, "set ConnConfig.OnNotice of the pool's configuration to postgres.OnNotice")
	for _, level := range []SynchronousCommit{"off", "local", "ON"} {
		_, err = New(pool, Options{SynchronousCommit: level})
		assert.ErrorContains(t, err, "waits for no standby", level)
	}
	_, err = New(pool, Options{SynchronousCommit: RemoteFlush, SyncTimeout: -1})
	assert.ErrorContains(t, err, "Options.SyncTimeout")
	s := openStore(t, pool, Options{SynchronousCommit: RemoteFlush})
	_, err = s.Save(t.Context(), aRecord("a"))
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.ErrorContains(t, err, "no synchronous standby")
}

// BenchmarkWaitForAStandby compares a logout that waits for a standby on the same
// machine with one that does not. The two take turns. Both servers write to disk.
func BenchmarkWaitForAStandby(b *testing.B) {
	primary, err := postgrestest.Start("synchronous_standby_names=standby", "synchronous_commit=local")
	require.NoError(b, err)
	b.Cleanup(func() { _ = primary.Close() })
	standby, err := primary.StartStandby()
	require.NoError(b, err)
	b.Cleanup(func() { _ = standby.Close() })
	pool := openPool(b, hearing(b, primary.URL()))
	stores := map[SynchronousCommit]*Store{}
	times := map[SynchronousCommit][]time.Duration{}
	levels := []SynchronousCommit{"", RemoteWrite, RemoteFlush, RemoteApply}
	for _, level := range levels {
		stores[level] = openStore(b, pool, Options{SynchronousCommit: level})
	}
	for b.Loop() {
		for _, level := range levels {
			_, err := stores[level].Save(b.Context(), aRecord("a"))
			require.NoError(b, err)
			began := time.Now()
			_, err = stores[level].Delete(b.Context(), "a")
			require.NoError(b, err)
			times[level] = append(times[level], time.Since(began))
		}
	}
	median := func(level SynchronousCommit) float64 {
		slices.Sort(times[level])
		return float64(times[level][len(times[level])/2].Microseconds())
	}
	b.ReportMetric(median(""), "off-µs")
	for _, level := range levels[1:] {
		b.ReportMetric(median(level)/median(""), string(level)+"-ratio")
	}
}
