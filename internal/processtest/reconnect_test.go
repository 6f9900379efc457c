package processtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// cutListeners breaks the connections for notices of all instances, as a
// fail-over or a proxy does, and reports how many there were.
var cutListeners = map[string]func(t *testing.T) int{
	"redis": func(t *testing.T) int {
		client := goredis.NewClient(&goredis.Options{Addr: servers.redis.Addr})
		defer client.Close()
		n, err := client.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Result()
		require.NoError(t, err)
		return int(n)
	},
	"postgres": func(t *testing.T) (n int) {
		conn, err := pgx.Connect(t.Context(), servers.postgres.URL())
		require.NoError(t, err)
		defer conn.Close(context.Background())
		const all = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE query LIKE 'LISTEN %'`
		require.NoError(t, conn.QueryRow(t.Context(), all).Scan(&n))
		return n
	},
}

// What ends while nobody listens is found as soon as somebody does again, and
// long before the re-check.
func TestALogoutWhileTheNoticesAreCutOffEndsStreamsElsewhere(t *testing.T) {
	for name, cut := range cutListeners {
		t.Run(name, func(t *testing.T) {
			address := addresses(t)[name]
			auth := authDomain(t, 0)
			session := passport.Secret(signIn(t, auth, address))
			here, closeHere, err := program(task{Store: address, Auth: auth.URL}, nil, nil)
			require.NoError(t, err)
			there, closeThere, err := program(task{Store: address, Auth: auth.URL}, nil, nil)
			require.NoError(t, err)
			t.Cleanup(func() {
				require.NoError(t, here.Close(context.Background()))
				require.NoError(t, there.Close(context.Background()))
				require.NoError(t, closeHere())
				require.NoError(t, closeThere())
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := here.Session(ctx, session)
			require.NoError(t, err)
			done := s.Done(ctx)
			require.Eventually(t, func() bool { return cut(t) > 0 }, 20*time.Second, 10*time.Millisecond, "it listens")

			began := time.Now()
			_, err = there.EndSession(t.Context(), s.ID())
			require.NoError(t, err)
			select {
			case <-done:
			case <-time.After(20 * time.Second):
			}
			took := time.Since(began)
			t.Logf("noticed after %v", took)
			assert.Less(t, took, 10*time.Second, "the re-check comes after 15 s")
		})
	}
}
