package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fill stores n records, and a tenth as many revocations, as fast as the server can:
// four records a subject, one a sid, and expiries 100 hours about a time.
func fill(t testing.TB, s *Store, n, size int, about time.Time) {
	t.Helper()
	execute(t, s.pool, s.names.fill(`
		INSERT INTO {records} (id, tenant, kind, subject, sid, revision, expiry, sweep_after, data)
		SELECT convert_to('id' || i, 'UTF8'), convert_to('tenant' || i % 2, 'UTF8'), 'session', convert_to('subject' || i / 4, 'UTF8'), convert_to('sid' || i, 'UTF8'), 1,
		       at, date_bin('1 hour', at, '2000-01-01') + interval '1 hour', $2::bytea
		FROM generate_series(1, $1::int) AS i, LATERAL (SELECT $3::timestamptz + (i % 200 - 100) * interval '1 hour') AS expiry (at)`),
		n, make([]byte, size), about)
	execute(t, s.pool, s.names.fill(`
		INSERT INTO {revocations}
		SELECT id, tenant, kind, subject, sid, revision, expiry, data, expiry, 0, expiry FROM {records} LIMIT $1`), n/10)
}

// What the planner makes of a statement depends on how much it knows: on the
// values or on none, and on statistics or, right after a start, on none.
func TestNoStatementReadsAWholeTable(t *testing.T) {
	pool := newPool(t)
	s := openStore(t, pool, Options{})
	execute(t, pool, s.names.fill(`ALTER TABLE {records} SET (autovacuum_enabled = off)`))
	execute(t, pool, s.names.fill(`ALTER TABLE {revocations} SET (autovacuum_enabled = off)`))
	fill(t, s, 200_000, 16, s.clock())
	t.Run("before ANALYZE", func(t *testing.T) { checkPlans(t, pool, s) })
	execute(t, pool, s.names.fill(`ANALYZE {records}, {revocations}`))
	t.Run("after ANALYZE", func(t *testing.T) { checkPlans(t, pool, s) })
}

func checkPlans(t *testing.T, pool *pgxpool.Pool, s *Store) {
	now := s.clock()
	id, subject, sid, data := []byte("id7"), []byte("subject7"), []byte("sid7"), []byte("data")
	tenant, kind := []byte("tenant1"), []byte("session")
	match := func(name string, sql byMatch, more ...any) (all []statement) {
		return []statement{
			{name + " by subject", sql.subject, append([]any{id, now, subject, nil, tenant, kind}, more...)},
			{name + " by sid", sql.sid, append([]any{id, now, nil, sid, tenant, kind}, more...)},
			{name + " by both", sql.both, append([]any{id, now, subject, sid, tenant, kind}, more...)},
		}
	}
	all := []statement{
		{"load", s.sql.load, []any{id}},
		{"create", s.sql.create, []any{id, subject, sid, now, now, data, now, tenant, kind}},
		{"replace", s.sql.replace, []any{id, 1, subject, sid, now, now, data, now, tenant, kind}},
		{"remove", s.sql.remove, []any{id, now}},
		{"remove and enqueue", s.sql.removeAndEnqueue, []any{id, now, now}},
		{"enqueue", s.sql.enqueue, []any{id, subject, sid, 1, now, data, now, now, tenant, kind}},
		{"claim", s.sql.claim, []any{now, 100, now.Add(time.Minute), tenant}},
		{"retry", s.sql.retry, []any{id, now, now, tenant}},
		{"complete", s.sql.complete, []any{id, now, tenant}},
		{"sweep", s.sql.sweep, []any{now, sweepBatch}},
	}
	all = append(all, match("list", s.sql.list)...)
	all = append(all, match("remove matching", s.sql.removeMatching)...)
	all = append(all, match("remove matching and enqueue", s.sql.removeMatchingAndEnqueue, now)...)

	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		for _, st := range all {
			plan := st.explain(t, pool, mode)
			assert.NotContains(t, plan, "Seq Scan", "%s, %s:\n%s\n%s", st.name, mode, st.sql, plan)
		}
	}
}

type statement struct {
	name string
	sql  string
	args []any
}

func (s statement) explain(t *testing.T, pool *pgxpool.Pool, mode string) string {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `SET plan_cache_mode = `+mode+`; PREPARE explained AS `+s.sql)
	require.NoError(t, err, s.name)
	places := make([]string, len(s.args))
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE explained (`+strings.Join(places, ", ")+`)`,
		append([]any{pgx.QueryExecModeSimpleProtocol}, s.args...)...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err, s.name)
	_, err = conn.Exec(t.Context(), `RESET plan_cache_mode; DEALLOCATE explained`)
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
