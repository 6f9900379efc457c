package postgres

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMigrateByManyInstancesAtOnce(t *testing.T) {
	for _, isolation := range []string{"read committed", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			config := poolConfig(t, server.URL())
			config.ConnConfig.RuntimeParams["default_transaction_isolation"] = isolation
			migrateAtOnce(t, config)
		})
	}
}

func migrateAtOnce(t *testing.T, config *pgxpool.Config) {
	opts := Options{Schema: freshPrefix() + "many", Prefix: "passport_"}
	var instances errgroup.Group
	start := make(chan struct{})
	for range 8 {
		s := newStore(t, openPool(t, config.Copy()), opts)
		instances.Go(func() error {
			<-start
			return s.Migrate(t.Context())
		})
	}
	close(start)
	require.NoError(t, instances.Wait())

	pool := newPool(t)
	applied := query[[]int32](t, pool, newStore(t, pool, opts).names.fill(`SELECT array_agg(version ORDER BY version) FROM {migrations}`))
	assert.Equal(t, []int32{1}, applied)
}

// The lock must not be held by a session: behind a proxy, the session is
// somebody else's a moment later.
func TestMigrateLeavesNoLock(t *testing.T) {
	pool := newPool(t)
	s := openStore(t, pool, Options{})
	require.NoError(t, s.Migrate(t.Context()))
	assert.Zero(t, query[int64](t, pool, `
		SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND (classid::bigint << 32) | objid::bigint = $1`, s.names.lock()))
}

func TestMigrateUpgradesFromEveryVersion(t *testing.T) {
	pool := newPool(t)
	steps, err := readSteps()
	require.NoError(t, err)
	steps = append(steps, migration{`ALTER TABLE {records} ADD COLUMN later bytea`, len(steps)}) // as the next version's may be
	for from := range steps {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			s := newStore(t, pool, Options{})
			require.NoError(t, s.migrate(t.Context(), steps[:from]))
			if from > 0 {
				_, err := s.Save(t.Context(), aRecord("kept"))
				require.NoError(t, err)
			}
			require.NoError(t, s.migrate(t.Context(), steps))
			if from > 0 {
				_, err = s.DeleteAndEnqueue(t.Context(), "kept", time.Minute)
				assert.NoError(t, err)
			}
		})
	}
}

func TestMigrateThatFailsChangesNothing(t *testing.T) {
	pool := newPool(t)
	s := newStore(t, pool, Options{})
	steps, err := readSteps()
	require.NoError(t, err)
	err = s.migrate(t.Context(), append(steps, migration{`SELECT 1/0`, 1}))
	assert.ErrorContains(t, err, "division by zero")
	assert.Nil(t, query[*string](t, pool, `SELECT to_regclass($1)::text`, s.names.table("records")))
	assert.NoError(t, s.Migrate(t.Context()))
}

// An instance of the old release that restarts in the middle of a deployment starts.
func TestMigrateRefusesTablesOnlyOfAProgramThatSaysSo(t *testing.T) {
	s := newStore(t, newPool(t), Options{})
	released, err := readSteps()
	require.NoError(t, err)
	next := append(released, migration{`ALTER TABLE {records} ADD COLUMN later bytea`, len(released)})
	require.NoError(t, s.migrate(t.Context(), next))
	require.NoError(t, s.Migrate(t.Context()))
	_, err = s.Save(t.Context(), aRecord("of the old release"))
	assert.NoError(t, err)

	afterNext := append(next, migration{`SELECT 1`, len(next)})
	require.NoError(t, s.migrate(t.Context(), afterNext))
	assert.ErrorContains(t, s.Migrate(t.Context()), "run a newer program")
	assert.NoError(t, s.migrate(t.Context(), next), "which is one")
}

func TestEachVersionSaysWhoWorksWithIt(t *testing.T) {
	files, err := migrationFiles.ReadDir("migrations")
	require.NoError(t, err)
	require.Len(t, worksFrom, len(files))
	for i, from := range worksFrom {
		assert.GreaterOrEqual(t, from, 1)
		assert.LessOrEqual(t, from, i+1)
	}
}

// The role that serves requests needs the rights that the package documentation lists.
func TestRoleWithoutTheRightToCreate(t *testing.T) {
	owner := newPool(t)
	opts := Options{Schema: freshPrefix() + "owned", Prefix: "app_"}
	openStore(t, owner, opts)
	documentation, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	grants := regexp.MustCompile(`(?m)^//\t(GRANT .*;)$`).FindAllStringSubmatch(string(documentation), -1)
	require.Len(t, grants, 3)
	execute(t, owner, `CREATE ROLE `+opts.Schema+` LOGIN`)
	for _, grant := range grants {
		execute(t, owner, strings.NewReplacer("public", opts.Schema, "passport_", opts.Schema+".app_", "TO app", "TO "+opts.Schema).Replace(grant[1]))
	}

	u, err := url.Parse(server.URL())
	require.NoError(t, err)
	u.User = url.User(opts.Schema)
	pool := openPool(t, poolConfig(t, u.String()))
	clock := newClock()
	opts.Now = clock.Now
	s := newStore(t, pool, opts)
	require.NoError(t, s.Migrate(t.Context()))
	useRecords(t, s)
	useQueue(t, s, clock)
	_, err = s.CountRevocations(t.Context(), "")
	require.NoError(t, err)
	clock.advance(3 * time.Hour)
	assert.Equal(t, 1, sweep(t, s, 10))
	l := listen(t, s)
	require.NoError(t, s.Notify(t.Context(), "id"))
	assert.Equal(t, "id", receive(t, l.heard))
	assert.NotContains(t, inspected(t, s), "postgres.migrations")

	opts.Prefix = freshPrefix()
	err = newStore(t, pool, opts).Migrate(t.Context())
	assert.ErrorContains(t, err, "permission denied for schema "+opts.Schema)
	assert.ErrorContains(t, err, "Migrate needs a role that may create tables")
}

func TestSchemaIsAsReviewed(t *testing.T) {
	pool := newPool(t)
	openStore(t, pool, Options{Schema: "golden", Prefix: "passport_"})
	rows, err := pool.Query(t.Context(), `
		SELECT format('table %s %s', relname, reloptions::text) FROM pg_class
		WHERE relnamespace = 'golden'::regnamespace AND relkind = 'r'
		UNION ALL
		SELECT format('column %s.%s %s %s %s', relname, attname, format_type(atttypid, atttypmod),
		       CASE WHEN attnotnull THEN 'not null' ELSE 'null' END, attstorage)
		FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relnamespace = 'golden'::regnamespace AND relkind = 'r' AND attnum > 0
		UNION ALL
		SELECT indexdef FROM pg_indexes WHERE schemaname = 'golden'
		ORDER BY 1`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	schema := strings.Join(lines, "\n") + "\n"

	const golden = "testdata/schema.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(schema), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), schema)
}
