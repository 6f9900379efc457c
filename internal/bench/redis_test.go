package bench

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/alexedwards/scs/goredisstore"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/redis"
)

// connections is how many a pool holds, and how many requests are under way.
const connections = 32

// BenchmarkRequestOnRedis is the check on every request, on 32 connections. The
// limit is one raw GET of the same bytes by a client with the same settings.
func BenchmarkRequestOnRedis(b *testing.B) {
	client := goredis.NewClient(&goredis.Options{
		Addr: started(b, redisServer).Addr, PoolSize: connections, MinIdleConns: connections,
	})
	b.Cleanup(func() { assert.NoError(b, client.Close()) })
	store, err := redis.New(client, redis.Options{})
	require.NoError(b, err)

	ours := passportSessions(b, users, store, 0)
	for _, c := range []contender{
		limitOnRedis(b, client),
		ours,
		passportSessions(b, users, store, idle),
		scsSessions(b, goredisstore.New(client), 0),
		scsSessions(b, goredisstore.NewWithPrefix(client, "scs-idle:"), idle),
	} {
		b.Run(c.name, func(b *testing.B) { c.parallel(b, connections) })
	}
}

// limitOnRedis gets what stands on the server already: our own records.
func limitOnRedis(b *testing.B, client *goredis.Client) contender {
	b.Helper()
	var keys []string
	all := client.Scan(b.Context(), 0, "passport:*", 1000).Iterator()
	for all.Next(b.Context()) {
		key := all.Val()
		if n, err := client.StrLen(b.Context(), key).Result(); err == nil && n > int64(leastRecord) {
			keys = append(keys, key)
		}
	}
	require.NoError(b, all.Err())
	require.Len(b, keys, users)
	return rawLoad(func(ctx context.Context, i int) error { return client.Get(ctx, keys[i]).Err() })
}

// rawLoad is a handler that reads the i-th record, and nothing more.
func rawLoad(load func(ctx context.Context, i int) error) contender {
	var next atomic.Int64
	return contender{name: "limit", cookies: make([]string, users), handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if err := load(r.Context(), int(next.Add(1))%users); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			noContent(w, r)
		})}
}
