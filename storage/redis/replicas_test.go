package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
)

// pair is a master and its one replica, which can be promoted.
type pair struct {
	master, replica *server
	now             atomic.Pointer[server] // whom the clients reach
}

func newPair(t testing.TB, lines ...string) *pair {
	t.Helper()
	p := &pair{master: newServer(t, append(lines, "repl-diskless-sync-delay 0")...)}
	p.replica = newServer(t, append(lines, fmt.Sprint("replicaof 127.0.0.1 ", p.master.port))...)
	p.now.Store(p.master)
	p.waitForReplica(t)
	return p
}

func (p *pair) waitForReplica(t testing.TB) {
	conn := p.master.admin(t).Conn()
	defer func() { _ = conn.Close() }()
	eventually(t, func() bool {
		_ = conn.Set(t.Context(), "{0}probe", 0, time.Second).Err()
		return conn.Wait(t.Context(), 1, time.Second).Val() == 1
	}, "the replica to follow")
}

func (p *pair) client(t testing.TB) *redis.Client {
	return newClient(t, &redis.Options{Addr: p.master.addr, Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, p.now.Load().addr)
	}})
}

func (p *pair) stopReplica(t testing.TB)     { signal(t, p.replica, syscall.SIGSTOP) }
func (p *pair) continueReplica(t testing.TB) { signal(t, p.replica, syscall.SIGCONT) }

func signal(t testing.TB, s *server, what syscall.Signal) {
	t.Helper()
	require.NoError(t, s.process.Signal(what))
}

// promote makes the replica another master. The clients reach the old one until
// it is dead.
func (p *pair) promote(t testing.TB) {
	t.Helper()
	require.NoError(t, p.replica.admin(t).Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
}

func (p *pair) failOver() {
	p.now.Store(p.replica)
	p.master.kill()
}

// writes are the methods that wait, on records a to d and matches that find them. The
// result of each is what it returns beside an error.
func writes(t testing.TB, s *Store) map[string]func() (ids []string, err error) {
	ctx := t.Context()
	one := func(id string, err error) ([]string, error) { return []string{id}, err }
	return map[string]func() ([]string, error){
		"save":   func() ([]string, error) { r, err := s.Save(ctx, newRecord("new")); return one(r.ID, err) },
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
			d, err := s.Enqueue(ctx, newRecord("e"), time.Minute)
			return one(d.Record.ID, err)
		},
	}
}

var written = map[string]string{
	"save": "new", "delete": "a", "delete and enqueue": "b", "delete matching": "c", "delete matching and enqueue": "d", "enqueue": "e",
}

func TestAWriteThatTheReplicaDoesNotHaveSaysSoBesideItsResult(t *testing.T) {
	p := newPair(t)
	s := newStore(t, p.client(t), Options{WaitReplicas: 1, WaitTimeout: 50 * time.Millisecond})
	for _, id := range []string{"a", "b", "c", "d"} {
		save(t, s, newRecord(id))
	}
	p.stopReplica(t)
	for name, write := range writes(t, s) {
		ids, err := write()
		assert.ErrorIs(t, err, storage.ErrNotReplicated, name)
		assert.ErrorContains(t, err, "replicas have", name)
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
	p.continueReplica(t)
	p.waitForReplica(t)
	for name, write := range writes(t, s) {
		eventually(t, func() bool { _, err := write(); return !errors.Is(err, storage.ErrNotReplicated) }, name+" to be safe")
	}
}

// WAIT on a connection that has written nothing waits for nothing, since Redis 7.2. So
// there is always something written before it.
func TestThatThereIsNothingToDeleteIsWaitedForToo(t *testing.T) {
	p := newPair(t)
	o := Options{WaitReplicas: 1, WaitTimeout: 50 * time.Millisecond, Prefix: newPrefix()}
	one := newStore(t, p.client(t), o)
	save(t, one, newRecord("a"))
	p.stopReplica(t)
	_, err := one.Delete(t.Context(), "a")
	require.ErrorIs(t, err, storage.ErrNotReplicated)
	_, err = newStore(t, p.client(t), o).Delete(t.Context(), "a")
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	fence := p.master.admin(t).PTTL(t.Context(), one.spaces[0].fence()).Val()
	assert.Greater(t, fence, 59*time.Second, "written just now")
	removed, err := newStore(t, p.client(t), o).DeleteMatching(t.Context(), storage.Match{Subject: "alice"})
	assert.Empty(t, removed)
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
}

// What was lost is done again, and what was not lost is waited for again.
func TestADeleteThatAFailOverUndoesCanBeDoneAgain(t *testing.T) {
	p := newPair(t)
	client := p.client(t)
	s := newStore(t, client, Options{WaitReplicas: 1, WaitTimeout: 50 * time.Millisecond})
	kept := save(t, s, newRecord("ended"))
	p.promote(t)
	_, err := s.DeleteAndEnqueue(t.Context(), "ended", time.Minute)
	require.ErrorIs(t, err, storage.ErrNotReplicated)
	p.failOver()
	eventually(t, func() bool { return client.Ping(t.Context()).Err() == nil }, "the client to find the new master")

	assertLive(t, s, kept) // back from the dead
	next := newServer(t, fmt.Sprint("replicaof 127.0.0.1 ", p.replica.port))
	ofNext := next.admin(t)
	eventually(t, func() bool { return len(keysOf(t, ofNext, s)) > 0 }, "the new replica to follow")
	var again storage.Revocation
	eventually(t, func() bool {
		d, err := s.DeleteAndEnqueue(t.Context(), "ended", time.Minute)
		if d.Record.ID != "" {
			again = d
		}
		return err == nil || errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrNotReplicated)
	}, "the delete to be safe")
	assert.Equal(t, kept.Data, again.Record.Data)
	assert.Zero(t, ofNext.Exists(t.Context(), s.spaces[0].record("ended")).Val())
	assert.EqualValues(t, 1, ofNext.Exists(t.Context(), s.spaces[0].revocation("ended")).Val())
}

func TestReplicasThatAreAwayDoNotHoldEveryWriteUp(t *testing.T) {
	p := newPair(t)
	const bound = 400 * time.Millisecond
	s := newStore(t, p.client(t), Options{WaitReplicas: 1, WaitTimeout: bound})
	save(t, s, newRecord("warm"))
	p.stopReplica(t)
	began := time.Now()
	for i := range 40 {
		_, err := s.Save(t.Context(), newRecord(fmt.Sprint(i)))
		require.ErrorIs(t, err, storage.ErrNotReplicated)
	}
	assert.Less(t, time.Since(began), 30*bound, "one a second waits, and not each of the 40")
	p.continueReplica(t)
	p.waitForReplica(t)
	eventually(t, func() bool { _, err := s.Delete(t.Context(), "warm"); return !errors.Is(err, storage.ErrNotReplicated) }, "the replica to confirm")
	_, err := s.Save(t.Context(), newRecord("then"))
	assert.NoError(t, err)
}

func TestAWaitEndsBeforeTheCallersDeadline(t *testing.T) {
	p := newPair(t)
	client := newClient(t, &redis.Options{Addr: p.master.addr, ContextTimeoutEnabled: true})
	s := newStore(t, client, Options{WaitReplicas: 1, WaitTimeout: 2900 * time.Millisecond})
	save(t, s, newRecord("a"))
	p.stopReplica(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	removed, err := s.Delete(ctx, "a")
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.Equal(t, "a", removed.ID, "it is known that it was removed")
}

// Redis 7.0 does not know WAITAOF, and a later one refuses it without a file.
func TestFsyncThatTheServerCannotConfirmIsNotClaimed(t *testing.T) {
	s := newStore(t, newServer(t, "appendonly no").client(t), Options{WaitFsync: true})
	saved, err := s.Save(t.Context(), newRecord("a"))
	assert.ErrorIs(t, err, storage.ErrNotReplicated)
	assert.ErrorContains(t, err, "WAITAOF")
	assertLive(t, s, saved)
}

func TestWhatTheServerConfirmsIsJudged(t *testing.T) {
	for _, row := range []struct {
		count, own, confirmed int
		proven                bool
	}{{0, 1, 0, true}, {0, 0, 2, false}, {1, 1, 0, false}, {1, 1, 1, true}, {1, 1, 2, true}, {2, 1, 1, false}, {1, 0, 1, false}} {
		r := &replicas{count: row.count, fsync: true}
		assert.Equal(t, row.proven, r.judge(row.own, row.confirmed) == nil, "%+v", row)
	}
}

func TestTheContractHoldsWhileReplicasAreWaitedFor(t *testing.T) {
	client := newPair(t).client(t)
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return newStore(t, client, Options{Now: now, WaitReplicas: 1})
	})
}

// The shared cluster has no replicas: what is tested is where the commands go.
func waitForNone(s *Store) *Store {
	s.replicas = &replicas{timeout: time.Second}
	return s
}

func TestTheContractHoldsWhileMastersOfAClusterAreWaitedFor(t *testing.T) {
	client := theCluster(t).client(t)
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return waitForNone(newStore(t, client, Options{Now: now}))
	})
}

func TestAClusterWaitsForTheReplicaOfTheKeysMaster(t *testing.T) {
	lines := []string{"cluster-enabled yes", "cluster-node-timeout 60000", "repl-diskless-sync-delay 0"}
	p := &pair{master: newServer(t, lines...), replica: newServer(t, lines...)}
	admin, ofReplica := p.master.admin(t), p.replica.admin(t)
	require.NoError(t, admin.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	require.NoError(t, ofReplica.ClusterMeet(t.Context(), "127.0.0.1", fmt.Sprint(p.master.port)).Err())
	id := admin.ClusterMyID(t.Context()).Val()
	eventually(t, func() bool { return ofReplica.ClusterReplicate(t.Context(), id).Err() == nil }, "the nodes to meet")
	p.waitForReplica(t)
	for _, node := range []*redis.Client{admin, ofReplica} {
		eventually(t, func() bool { return strings.Contains(node.ClusterInfo(t.Context()).Val(), "cluster_state:ok") }, "the cluster")
	}

	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{p.master.addr}})
	t.Cleanup(func() { _ = client.Close() })
	var clock clock
	liveOut(t, newStore(t, client, Options{Now: clock.now, WaitReplicas: 1}), &clock)

	s := newStore(t, client, Options{WaitReplicas: 1, WaitTimeout: 50 * time.Millisecond})
	for _, id := range []string{"a", "b", "c", "d"} {
		save(t, s, newRecord(id))
	}
	p.stopReplica(t)
	for name, write := range writes(t, s) {
		ids, err := write()
		assert.ErrorIs(t, err, storage.ErrNotReplicated, name)
		assert.Equal(t, []string{written[name]}, ids, name)
	}
	_, err := s.DeleteMatching(t.Context(), storage.Match{SID: "sid of c"})
	assert.ErrorIs(t, err, storage.ErrNotReplicated, "that there is none is not safe either")
}

func TestNewRefusesToWaitInVain(t *testing.T) {
	client := newClient(t, &redis.Options{Addr: "127.0.0.1:1"})
	hidden := struct{ redis.UniversalClient }{client}
	for want, try := range map[string]struct {
		client redis.UniversalClient
		o      Options
	}{
		"WaitReplicas is negative":           {client, Options{WaitReplicas: -1}},
		"WaitTimeout is less":                {client, Options{WaitReplicas: 1, WaitTimeout: -1}},
		"WaitTimeout is 5s and the client's": {client, Options{WaitFsync: true, WaitTimeout: 5 * time.Second}},
		"hides its connections":              {hidden, Options{WaitReplicas: 1}},
		"client is nil":                      {(*redis.Client)(nil), Options{WaitReplicas: 1}},
		"must read for longer":               {newClient(t, &redis.Options{ReadTimeout: time.Second}), Options{WaitReplicas: 1}},
	} {
		_, err := New(try.client, try.o)
		assert.ErrorContains(t, err, want)
	}
	for _, fine := range []Options{{WaitReplicas: 1}, {WaitFsync: true}, {WaitReplicas: 2, WaitFsync: true, WaitTimeout: time.Second}} {
		_, err := New(client, fine)
		assert.NoError(t, err)
	}
	_, err := New(newClient(t, &redis.Options{ReadTimeout: -1}), Options{WaitReplicas: 1, WaitTimeout: time.Minute})
	assert.NoError(t, err, "a client that reads for ever")
}

// BenchmarkWaitForAReplica compares a logout that waits for a replica on the same
// machine with one that does not. The two take turns.
func BenchmarkWaitForAReplica(b *testing.B) {
	p := newPair(b)
	client := p.client(b)
	without, with := newStore(b, client, Options{}), newStore(b, client, Options{WaitReplicas: 1})
	logout := func(s *Store, i int) time.Duration {
		r := session(i)
		_, err := s.Save(b.Context(), r)
		require.NoError(b, err)
		began := time.Now()
		_, err = s.DeleteAndEnqueue(b.Context(), r.ID, time.Minute)
		require.NoError(b, err)
		return time.Since(began)
	}
	var off, on []time.Duration
	for i := 0; b.Loop(); i++ {
		off, on = append(off, logout(without, i)), append(on, logout(with, i))
	}
	slices.Sort(off)
	slices.Sort(on)
	b.ReportMetric(float64(off[len(off)/2].Microseconds()), "off-µs")
	b.ReportMetric(float64(on[len(on)/2].Microseconds()), "on-µs")
	b.ReportMetric(float64(on[len(on)/2])/float64(off[len(off)/2]), "ratio")
}
