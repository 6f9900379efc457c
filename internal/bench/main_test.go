package bench

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/redistest"
	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

// The servers that the benchmarks share, started by the first that needs them
// and closed by TestMain.
var (
	redisServer = sync.OnceValues(func() (*redistest.Server, error) {
		s, err := redistest.Start()
		toClose = append(toClose, s)
		return s, err
	})
	postgresServer = sync.OnceValues(func() (*postgrestest.Server, error) {
		s, err := postgrestest.Start("fsync=off", "synchronous_commit=off", "max_connections=100")
		toClose = append(toClose, s)
		return s, err
	})
	toClose []interface{ Close() error }
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(serveVariable); kind != "" {
		serve(kind)
		return
	}
	code := m.Run()
	var err error
	for _, s := range toClose {
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// started returns a server, or ends the benchmark.
func started[S any](b *testing.B, start func() (S, error)) S {
	b.Helper()
	s, err := start()
	require.NoError(b, err)
	return s
}
