package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/passport-go/passport/storage"
)

var _ storage.Inspector = (*Store)(nil)

// What Inspect finds.
var (
	foundVersion = storage.Finding{
		ID: "postgres.version", Severity: storage.Problem,
		Why:    "The store needs PostgreSQL 14 or later.",
		Remedy: "Update the server.",
	}
	foundStandby = storage.Finding{
		ID: "postgres.standby", Severity: storage.Problem,
		Why:    "The pool leads to a standby, which lags behind and refuses writes.",
		Remedy: "Say target_session_attrs=read-write in the connection string.",
	}
	foundAnyServer = storage.Finding{
		ID: "postgres.any-server", Severity: storage.Warning,
		Why:    "The connection string names several servers and any of them will do: while the primary is away, connections lead to a standby, and stay in the pool. It may still have a session after its logout.",
		Remedy: "Say target_session_attrs=read-write in the connection string. Several proxies in front of one primary need nothing.",
	}
	foundMigrations = storage.Finding{
		ID: "postgres.migrations", Severity: storage.Problem,
		Why:    "The tables are not of a version that this program works with.",
		Remedy: "Call Migrate when the program starts. If the tables are newer, run a newer program.",
	}
	foundUnsafe = storage.Finding{
		ID: "postgres.fsync", Severity: storage.Problem,
		Why:    "A crash of the machine can destroy the whole database.",
		Remedy: "Set fsync and full_page_writes to on.",
	}
	foundCommit = storage.Finding{
		ID: "postgres.synchronous-commit", Severity: storage.Warning,
		Why:    "After a crash the last moment is missing. If a logout was in it, the session is there again.",
		Remedy: "Set synchronous_commit to on for the program's role: ALTER ROLE ... SET synchronous_commit = on.",
	}
	foundFailover = storage.Finding{
		ID: "postgres.failover", Severity: storage.Warning,
		Why:    "The replicas are asynchronous: a fail-over loses what they do not have yet. If a logout was in it, the session is there again.",
		Remedy: "Name a synchronous replica in synchronous_standby_names, and set Options.SynchronousCommit of the store.",
	}
	foundVacuum = storage.Finding{
		ID: "postgres.autovacuum", Severity: storage.Warning,
		Why:    "Removed sessions leave dead rows, so the tables grow without end and each request becomes slower.",
		Remedy: "Set autovacuum to on.",
	}
)

// serverSettings are the settings that Inspect looks at.
type serverSettings struct {
	version                                           int
	standby                                           bool
	fsync, fullPages, commit, synchronous, autovacuum string
	replicas                                          int
}

// Inspect implements [storage.Inspector] by one query for settings that every role may
// read, and one for the version of the tables.
func (s *Store) Inspect(ctx context.Context) ([]storage.Finding, error) {
	var at serverSettings
	err := s.pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('fsync'),
		current_setting('full_page_writes'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
		current_setting('autovacuum'), (SELECT count(*)::int FROM pg_stat_replication)`).
		Scan(&at.version, &at.standby, &at.fsync, &at.fullPages, &at.commit, &at.synchronous, &at.autovacuum, &at.replicas)
	if err != nil {
		return nil, failed("inspect", err)
	}
	if s.standby != nil {
		at.commit = "on" // each write sets its own
	}
	found := append(inspectConnection(s.pool.Config().ConnConfig), at.inspect()...)
	steps, err := readSteps()
	if err != nil {
		return found, failed("inspect", err)
	}
	tables, err := s.tables(ctx, s.pool)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		found = append(found, foundWith(foundMigrations, "the table of migrations cannot be read: %s", refused.Code))
	case err != nil:
		return found, failed("inspect", err)
	case !tables.workWith(len(steps)):
		found = append(found, foundWith(foundMigrations, "the tables are at version %d, and this program knows %d", tables.version, len(steps)))
	}
	return found, nil
}

// inspectConnection looks at where the pool connects to. Fallbacks are the other servers,
// and the same one without TLS.
func inspectConnection(c *pgx.ConnConfig) (found []storage.Finding) {
	if c.ValidateConnect != nil { // target_session_attrs says which will do
		return nil
	}
	servers := map[string]bool{net.JoinHostPort(c.Host, fmt.Sprint(c.Port)): true}
	for _, other := range c.Fallbacks {
		servers[net.JoinHostPort(other.Host, fmt.Sprint(other.Port))] = true
	}
	if len(servers) > 1 {
		found = append(found, foundWith(foundAnyServer, "there are %d servers, and target_session_attrs is any", len(servers)))
	}
	return found
}

func (at serverSettings) inspect() (found []storage.Finding) {
	see := func(f storage.Finding, format string, args ...any) {
		found = append(found, foundWith(f, format, args...))
	}
	if at.version < 140000 {
		see(foundVersion, "server_version_num is %d", at.version)
	}
	if at.standby {
		see(foundStandby, "the server is in recovery")
	}
	if at.fsync != "on" || at.fullPages != "on" {
		see(foundUnsafe, "fsync is %s, and full_page_writes is %s", at.fsync, at.fullPages)
	}
	if at.commit == "off" {
		see(foundCommit, "synchronous_commit is off")
	}
	if at.replicas > 0 && (at.synchronous == "" || at.commit == "local") {
		see(foundFailover, "there are %d replicas, synchronous_standby_names is %q, and synchronous_commit is %s", at.replicas, at.synchronous, at.commit)
	}
	if at.autovacuum != "on" {
		see(foundVacuum, "autovacuum is %s", at.autovacuum)
	}
	return found
}

func foundWith(f storage.Finding, format string, args ...any) storage.Finding {
	f.Seen = fmt.Sprintf(format, args...)
	return f
}
