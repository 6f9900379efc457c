package redis

import (
	"context"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// trips counts the round trips of a client that has its connections already.
type trips struct{ n int }

func (t *trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (t *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		t.n++
		return next(ctx, cmd)
	}
}

func (t *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		t.n++
		return next(ctx, cmds)
	}
}

func TestEveryCallIsOneRoundTrip(t *testing.T) {
	t.Run("one server", func(t *testing.T) { countTrips(t, theServer(t).client(t), 1) })
	t.Run("cluster", func(t *testing.T) { countTrips(t, theCluster(t).client(t), 2) })
}

// countTrips expects so many round trips of a logout that goes by an index, and
// on a Cluster takes those to several nodes at once for one.
func countTrips(t *testing.T, client redis.UniversalClient, byIndex int) {
	var more clock
	s := newStore(t, client, Options{Now: more.now})
	for _, script := range []*redis.Script{saveScript, deleteScript, deleteMatchingScript, enqueueScript, claimScript, retryScript, completeScript} {
		require.NoError(t, script.Load(t.Context(), client).Err())
	}
	liveOut(t, s, &more) // every connection is there
	var counter trips
	client.AddHook(&counter)
	ctx, alice := t.Context(), storage.Match{Subject: "alice"}
	var r storage.Record
	var d storage.Revocation
	var revocations []storage.Revocation
	var err error
	for _, step := range []struct {
		call string
		want int
		do   func()
	}{
		{"creating Save", 1, func() { r, err = s.Save(ctx, newRecord("a")) }},
		{"Load", 1, func() { _, err = s.Load(ctx, "a") }},
		{"replacing Save", 1, func() { _, err = s.Save(ctx, r) }},
		{"List", 2, func() { _, err = s.List(ctx, alice) }},
		{"Delete", 1, func() { _, err = s.Delete(ctx, "a") }},
		{"Save", 1, func() { _, err = s.Save(ctx, newRecord("b")) }},
		{"DeleteAndEnqueue", 1, func() { d, err = s.DeleteAndEnqueue(ctx, "b", time.Minute) }},
		{"Complete", 1, func() { err = s.Complete(ctx, d) }},
		{"Save", 1, func() { _, err = s.Save(ctx, newRecord("c")) }},
		{"DeleteMatchingAndEnqueue", byIndex, func() { revocations, err = s.DeleteMatchingAndEnqueue(ctx, alice, time.Minute) }},
		{"Retry", 1, func() { err = s.Retry(ctx, revocations[0], more.now()) }},
		{"Claim", 2, func() { revocations, err = s.Claim(ctx, "", 1, time.Minute) }},
		{"Complete", 1, func() { err = s.Complete(ctx, revocations[0]) }},
		{"Claim of nothing", 1, func() { _, err = s.Claim(ctx, "", 10, time.Minute) }},
		{"DeleteMatching of nothing", 1, func() { _, err = s.DeleteMatching(ctx, alice) }},
		{"Notify", 1, func() { err = s.Notify(ctx, "a", "b", "c") }},
	} {
		counter.n = 0
		step.do()
		require.NoError(t, err, step.call)
		assert.Equal(t, step.want, counter.n, "round trips of %s", step.call)
	}
}

// commands returns how often the server ran which command, inside of scripts
// too, since the last call.
func commands(t testing.TB, admin *redis.Client) map[string]int {
	t.Helper()
	info, err := admin.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	require.NoError(t, admin.ConfigResetStat(t.Context()).Err())
	ran := map[string]int{}
	for _, m := range regexp.MustCompile(`cmdstat_([^:]+):calls=(\d+)`).FindAllStringSubmatch(info, -1) {
		ran[m[1]], _ = strconv.Atoi(m[2])
	}
	for _, own := range []string{"info", "config|resetstat"} {
		delete(ran, own)
	}
	return ran
}

func TestALoadIsNothingButAGet(t *testing.T) {
	server := newServer(t)
	admin := server.admin(t)
	s := newStore(t, server.client(t), Options{})
	save(t, s, newRecord("a"))
	commands(t, admin)
	_, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"get": 1}, commands(t, admin))
}

func TestCostDoesNotGrowWithTheNumberOfSessions(t *testing.T) {
	server := newServer(t)
	admin := server.admin(t)
	for _, spread := range []bool{false, true} {
		s := newStore(t, server.client(t), Options{Spread: spread})
		fill := func(from, to int) {
			for i := from; i < to; i++ {
				r := newRecord(fmt.Sprint("other ", i))
				r.Subject, r.SID = fmt.Sprint("user ", i/2), fmt.Sprint("sid ", i)
				save(t, s, r)
			}
		}
		measure := func() map[string]map[string]int {
			costs := map[string]map[string]int{}
			step := func(name string, do func() error) {
				commands(t, admin)
				require.NoError(t, do())
				costs[name] = commands(t, admin)
			}
			login := func() error { return saveAlice(t, s) }
			sid := storage.Match{SID: "sid of alice 1"}
			step("login", login)
			step("list", func() error { _, err := s.List(t.Context(), storage.Match{Subject: "alice"}); return err })
			step("logout by sid", func() error { _, err := s.DeleteMatching(t.Context(), sid); return err })
			step("logout everywhere", func() error { _, err := s.DeleteMatching(t.Context(), storage.Match{Subject: "alice"}); return err })
			return costs
		}
		measure() // the scripts are known now
		fill(0, 10)
		few := measure()
		fill(10, 2000)
		assert.Equal(t, few, measure(), "spread: %v", spread)
	}
}

// An outage of the provider leaves many revocations; to count them must not read them all.
func TestCountingLooksAtNoMoreThanItsBound(t *testing.T) {
	server := newServer(t)
	admin := server.admin(t)
	for _, spread := range []bool{false, true} {
		s := newStore(t, server.client(t), Options{Spread: spread})
		each := 2 * mostCounted / len(s.spaces)
		pipe := admin.Pipeline()
		for _, in := range s.spaces {
			for i := range each {
				pipe.ZAdd(t.Context(), in.due("tenant"), redis.Z{Score: float64(i), Member: i})
			}
		}
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
		commands(t, admin)
		n, err := s.CountRevocations(t.Context(), "tenant")
		require.NoError(t, err)
		assert.Equal(t, each*len(s.spaces), n.Pending, "spread: %v", spread)
		looked := commands(t, admin)["getrange"]
		assert.LessOrEqual(t, looked, mostCounted, "spread: %v", spread)
		assert.Greater(t, looked, mostCounted-len(s.spaces), "spread: %v", spread)
	}
}

// A user with very many sessions does not hold up the server for all of them.
func TestManySessionsEndInBatches(t *testing.T) {
	server := newServer(t)
	admin := server.admin(t)
	s := newStore(t, server.client(t), Options{})
	for i := range 2*batch + 1 {
		save(t, s, newRecord(fmt.Sprint(i)))
	}
	require.NoError(t, deleteMatchingScript.Load(t.Context(), admin).Err())
	commands(t, admin)
	removed, err := s.DeleteMatching(t.Context(), storage.Match{Subject: "alice", Except: "7"})
	require.NoError(t, err)
	assert.Len(t, removed, 2*batch)
	assert.Equal(t, 3, commands(t, admin)["evalsha"])
	_, err = s.Load(t.Context(), "7")
	assert.NoError(t, err)
}

func saveAlice(t testing.TB, s *Store) error {
	for i := range 3 {
		save(t, s, newRecord(fmt.Sprint("alice ", i)))
	}
	return nil
}

func TestNoCommandLooksAtAllKeys(t *testing.T) {
	server := newServer(t)
	admin := server.admin(t)
	for _, spread := range []bool{false, true} {
		var clock clock
		liveOut(t, newStore(t, server.client(t), Options{Spread: spread, Now: clock.now}), &clock)
	}
	ran := slices.Sorted(maps.Keys(commands(t, admin)))
	assert.Contains(t, ran, "evalsha")
	for _, command := range ran {
		assert.NotContains(t, []string{"keys", "scan", "sscan", "zscan", "hscan", "dbsize", "sort", "randomkey"}, command)
	}
}
