// Package failtest fails primaries over: real Redis servers with Sentinel, a Redis
// Cluster and PostgreSQL with a streaming standby, under the sign-ins, refreshes and
// logouts of two instances. A primary is killed, stopped, or cut off together with an
// instance that goes on writing to it. What the users were told is then compared with
// what there is, and each session's history is checked for linearizability.
//
//	make failovers                                        a few hundred
//	FAILOVERS=40 go test -v -timeout 1h ./internal/failtest
//
// PASSPORT_REDIS_SERVER names another server than redis-server, such as valkey-server.
package failtest

import (
	"context"
	"os"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// quiet is a log for what clients say of servers that are down, as is meant here.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	goredis.SetLogger(quiet{})
	os.Exit(m.Run())
}
