//go:build unix

package postgrestest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

func TestServerKeepsItsDataUntilItIsClosed(t *testing.T) {
	t.Setenv("TMPDIR", openDir(t))
	server, err := postgrestest.Start("application_name=set")
	require.NoError(t, err)
	assert.Equal(t, "set", ask(t, server, `CREATE TABLE kept (); SHOW application_name`))
	require.NoError(t, server.Restart())
	assert.Equal(t, "kept", ask(t, server, `SELECT relname::text FROM pg_class WHERE relname = 'kept'`))
	require.NoError(t, server.Kill())
	_, err = pgx.Connect(t.Context(), server.URL())
	assert.ErrorContains(t, err, "connection refused")
	require.NoError(t, server.Restart())
	assert.Equal(t, "kept", ask(t, server, `SELECT relname::text FROM pg_class WHERE relname = 'kept'`))

	require.NoError(t, server.Close())
	_, err = pgx.Connect(t.Context(), server.URL())
	assert.ErrorContains(t, err, "connection refused")
	assert.Empty(t, entries(t))
}

func TestStartSaysWhatTheServerSaid(t *testing.T) {
	t.Setenv("TMPDIR", openDir(t))
	_, err := postgrestest.Start("no_such_setting=1")
	assert.ErrorContains(t, err, "no_such_setting")
	assert.Empty(t, entries(t), "it leaves nothing behind")
}

// openDir returns a directory that another user may enter, as the server's must.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "open-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func entries(t *testing.T) []os.DirEntry {
	t.Helper()
	all, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	return all
}

// ask returns what the last statement of sql yields.
func ask(t *testing.T, server *postgrestest.Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err)
	rows := results[len(results)-1].Rows
	require.Len(t, rows, 1)
	return string(rows[0][0])
}
