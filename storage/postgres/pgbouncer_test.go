package postgres

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startProxy starts a PgBouncer that pools transactions on the shared server,
// and returns the URL to reach the server through it.
func startProxy(t *testing.T, servers int) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
	}
	require.FileExists(t, program, "PgBouncer is missing: install it (apt-get install pgbouncer)")

	direct, err := url.Parse(server.URL())
	require.NoError(t, err)
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "pgbouncer.ini")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
[databases]
postgres = host=127.0.0.1 port=%s user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
`, direct.Port(), port, servers), 0o644))

	// As root, PgBouncer wants to be told whom to be instead.
	var args []string
	if os.Geteuid() == 0 {
		args = []string{"-u", "nobody"}
	}
	var log bytes.Buffer
	cmd := exec.Command(program, append(args, config)...)
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		<-exited
	})

	direct.Host = fmt.Sprintf("127.0.0.1:%d", port)
	require.Eventually(t, func() bool { return reachable(t.Context(), direct.String()) }, 10*time.Second, 10*time.Millisecond)
	return direct.String()
}

func reachable(ctx context.Context, url string) bool {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func direct(t *testing.T) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(server.URL())
	require.NoError(t, err)
	return config
}

func TestEveryVerbThroughPgBouncer(t *testing.T) {
	proxy := startProxy(t, 2)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeExec,
		pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			config := poolConfig(t, proxy)
			config.ConnConfig.DefaultQueryExecMode = mode
			useEveryVerb(t, openPool(t, config))
		})
	}
}

// A cached prepared statement is in one session of the server only. That
// fails, unless the proxy knows of it, and must say what to set.
func TestCachedStatementsThroughPgBouncer(t *testing.T) {
	proxy := startProxy(t, 2)
	opts := Options{Prefix: freshPrefix()}
	openStore(t, newPool(t), opts)
	config := poolConfig(t, proxy)
	config.MaxConns = 1
	s := newStore(t, openPool(t, config), opts)

	occupy := func() pgx.Tx {
		conn, err := pgx.Connect(t.Context(), proxy)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close(context.Background()) })
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		return tx
	}
	first := occupy()
	_, err := s.Save(t.Context(), aRecord("id"))
	require.NoError(t, err)
	occupy()
	require.NoError(t, first.Rollback(t.Context()))
	_, err = s.Save(t.Context(), aRecord("id"))
	assert.ErrorContains(t, err, "set DefaultQueryExecMode to pgx.QueryExecModeExec")
}

// Through such a proxy LISTEN succeeds, and nothing is ever heard.
func TestListenThroughPgBouncerSaysThatItIsDeaf(t *testing.T) {
	config := poolConfig(t, startProxy(t, 4))
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	s := newStore(t, openPool(t, config), Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := s.Listen(ctx, func() { t.Error("it is not ready") }, func(string) {})
	assert.ErrorContains(t, err, "set Options.Listen to a direct connection")
}
