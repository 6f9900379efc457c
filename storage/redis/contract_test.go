package redis

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
)

func TestOneServerKeepsTheContract(t *testing.T) {
	client := theServer(t).client(t)
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return newStore(t, client, Options{Now: now})
	})
}

func TestInstancesOnOneServerKeepTheContract(t *testing.T) {
	here, there := theServer(t).client(t), theServer(t).client(t)
	storagetest.RunShared(t, func(t *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		o := Options{Now: now, Prefix: newPrefix()}
		return newStore(t, here, o), newStore(t, there, o)
	})
}

func TestClusterKeepsTheContract(t *testing.T) {
	client := theCluster(t).client(t)
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return newStore(t, client, Options{Now: now})
	})
}

func TestEveryKindOfConnectionServes(t *testing.T) {
	for name, o := range map[string]redis.Options{
		"RESP2":                  {Protocol: 2},
		"RESP3":                  {Protocol: 3},
		"deadlines from context": {ContextTimeoutEnabled: true},
		"another database":       {DB: 1},
		"one connection":         {PoolSize: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var clock clock
			o.Addr = theServer(t).addr
			for _, spread := range []bool{false, true} {
				liveOut(t, newStore(t, newClient(t, &o), Options{Now: clock.now, Spread: spread}), &clock)
			}
		})
	}
}

func TestNewReportsEveryMistake(t *testing.T) {
	cluster := func(o redis.ClusterOptions) redis.UniversalClient {
		o.Addrs = []string{"127.0.0.1:1"}
		client := redis.NewClusterClient(&o)
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	ring := redis.NewRing(&redis.RingOptions{HeartbeatFrequency: time.Hour})
	t.Cleanup(func() { _ = ring.Close() })
	for _, none := range []redis.UniversalClient{nil, (*redis.Client)(nil), (*redis.ClusterClient)(nil)} {
		_, err := New(none, Options{})
		assert.ErrorContains(t, err, "client is nil")
	}
	for name, client := range map[string]redis.UniversalClient{
		"client is nil":         nil,
		"client is a Ring":      ring,
		"turn off ReadOnly":     cluster(redis.ClusterOptions{ReadOnly: true}),
		"RouteByLatency":        cluster(redis.ClusterOptions{RouteByLatency: true}),
		"leave ClientSideCache": newClient(t, &redis.Options{ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}),
		"and RouteRandomly":     cluster(redis.ClusterOptions{RouteRandomly: true}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(client, Options{Prefix: "{a}:"})
			assert.ErrorContains(t, err, name)
			assert.ErrorContains(t, err, "Options.Prefix")
		})
	}
	_, err := New(cluster(redis.ClusterOptions{}), Options{})
	assert.NoError(t, err)
}

func TestPrefixesAreApart(t *testing.T) {
	client := theServer(t).client(t)
	one, other := newStore(t, client, Options{}), newStore(t, client, Options{})
	save(t, one, newRecord("a"))
	assertGone(t, other, "a")
	removed, err := other.DeleteMatching(t.Context(), storage.Match{Subject: "alice"})
	assert.NoError(t, err)
	assert.Empty(t, removed)
}
