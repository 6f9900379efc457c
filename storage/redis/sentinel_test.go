package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newSentinel(t *testing.T, master *server) *server {
	t.Helper()
	s, err := start([]string{"--sentinel"}, []string{
		fmt.Sprint("sentinel monitor sessions 127.0.0.1 ", master.port, " 1"),
		"sentinel down-after-milliseconds sessions 300",
		"sentinel failover-timeout sessions 3000",
	})
	require.NoError(t, err)
	t.Cleanup(s.remove)
	return s
}

func TestSessionsSurviveAFailOverBySentinel(t *testing.T) {
	master := newServer(t, "repl-diskless-sync-delay 0")
	replica := newServer(t, fmt.Sprint("replicaof 127.0.0.1 ", master.port))
	sentinel := newSentinel(t, master)
	eventually(t, func() bool {
		return len(redis.NewSentinelClient(&redis.Options{Addr: sentinel.addr}).Replicas(t.Context(), "sessions").Val()) == 1
	}, "Sentinel to find the replica")

	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "sessions", SentinelAddrs: []string{sentinel.addr}})
	t.Cleanup(func() { _ = client.Close() })
	var clock clock
	s := newStore(t, client, Options{Now: clock.now})
	kept := save(t, s, newRecord("kept"))
	save(t, s, newRecord("ended"))
	deleteAndEnqueue(t, s, "ended")
	ofReplica := replica.admin(t)
	eventually(t, func() bool { return len(keysOf(t, ofReplica, s)) == len(keysOf(t, master.admin(t), s)) }, "the replica to follow")

	master.kill()
	eventually(t, func() bool {
		_, err := s.Save(t.Context(), newRecord("new"))
		return err == nil
	}, "the fail-over")
	assertLive(t, s, kept)
	assertGone(t, s, "ended")
	clock.advance(time.Minute)
	revocations, err := s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	assert.Len(t, revocations, 1)
}
