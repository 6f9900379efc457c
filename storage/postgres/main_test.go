package postgres

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

// server is shared by the tests, which keep apart by their prefixes. Those that
// kill one start their own.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	server, err = postgrestest.Start("fsync=off", "synchronous_commit=off", "max_connections=200")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Close()
	os.Setenv("DATABASE_URL", server.URL()) // for the example
	return m.Run()
}

// poolConfig returns the configuration of a pool on url, which a test may alter.
func poolConfig(t testing.TB, url string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	config.MaxConns = 16
	return config
}

func openPool(t testing.TB, config *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// newPool returns a pool on the shared server.
func newPool(t testing.TB) *pgxpool.Pool {
	return openPool(t, poolConfig(t, server.URL()))
}

// openStore returns a store on tables of its own, which are made first.
func openStore(t testing.TB, pool *pgxpool.Pool, opts Options) *Store {
	t.Helper()
	s := newStore(t, pool, opts)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}

// newStore returns a store on tables of its own, which are not there yet.
func newStore(t testing.TB, pool *pgxpool.Pool, opts Options) *Store {
	t.Helper()
	if opts.Prefix == "" {
		opts.Prefix = freshPrefix()
	}
	s, err := New(pool, opts)
	require.NoError(t, err)
	return s
}

var prefixes atomic.Int64

func freshPrefix() string {
	return fmt.Sprintf("t%d_", prefixes.Add(1))
}

// query returns the one value that sql yields.
func query[T any](t testing.TB, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	rows, err := pool.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	require.NoError(t, err)
	return v
}

func execute(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err, strings.TrimSpace(sql))
}

// clock stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }
