package postgres

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

func idsOf(found []storage.Finding) []string {
	all := []string{}
	for _, f := range found {
		all = append(all, f.ID)
	}
	return all
}

func inspected(t *testing.T, s *Store) []string {
	t.Helper()
	found, err := s.Inspect(t.Context())
	require.NoError(t, err)
	for _, f := range found {
		assert.NotEmpty(t, f.Seen, f.ID)
	}
	return idsOf(found)
}

func TestInspectFindsNothingWrongWithTheDefaults(t *testing.T) {
	sound, err := postgrestest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sound.Close()) })
	pool := openPool(t, poolConfig(t, sound.URL()))
	s := openStore(t, pool, Options{})
	assert.Empty(t, inspected(t, s))

	// Settings of one role are what its sessions go by.
	_, err = pool.Exec(t.Context(), "ALTER ROLE CURRENT_USER SET synchronous_commit = off")
	require.NoError(t, err)
	pool.Reset()
	assert.Equal(t, []string{"postgres.synchronous-commit"}, inspected(t, s))
	s.standby = &standby{} // as Options.SynchronousCommit sets it
	assert.Empty(t, inspected(t, s), "each write sets its own")
}

// The server that the tests share is set up for speed.
func TestInspectFindsAServerThatLosesWhatItAnswered(t *testing.T) {
	assert.Equal(t, []string{"postgres.fsync", "postgres.synchronous-commit"}, inspected(t, openStore(t, newPool(t), Options{})))
}

func TestInspectFindsTablesOfAnotherVersion(t *testing.T) {
	s := newStore(t, newPool(t), Options{})
	assert.Contains(t, inspected(t, s), "postgres.migrations", "they are not there")
	require.NoError(t, s.Migrate(t.Context()))
	assert.NotContains(t, inspected(t, s), "postgres.migrations")
	_, err := s.pool.Exec(t.Context(), s.names.fill(`INSERT INTO {migrations} (version, works_from) VALUES (998, 1)`))
	require.NoError(t, err)
	assert.NotContains(t, inspected(t, s), "postgres.migrations", "they are newer, and this program works with them")
	_, err = s.pool.Exec(t.Context(), s.names.fill(`INSERT INTO {migrations} (version, works_from) VALUES (999, 2)`))
	require.NoError(t, err)
	assert.Contains(t, inspected(t, s), "postgres.migrations", "they are too new")
}

// A pool that reaches a standby while the primary restarts keeps the connection.
func TestInspectFindsAPoolThatTakesAnyServer(t *testing.T) {
	for connection, any := range map[string]bool{
		"host=a":                                   false,
		"host=a sslmode=prefer":                    false,
		"host=a,a port=5432":                       false,
		"host=a,b":                                 true,
		"host=a,a port=5432,5433":                  true,
		"host=a,b sslmode=disable":                 true,
		"host=a,b target_session_attrs=any":        true,
		"host=a,b target_session_attrs=read-write": false,
		"host=a,b target_session_attrs=primary":    false,
	} {
		config, err := pgx.ParseConfig(connection)
		require.NoError(t, err)
		want := []string{}
		if any {
			want = []string{"postgres.any-server"}
		}
		assert.Equal(t, want, idsOf(inspectConnection(config)), connection)
	}
	direct, err := url.Parse(server.URL())
	require.NoError(t, err)
	direct.Host += ",127.0.0.1:1"
	s := newStore(t, openPool(t, poolConfig(t, direct.String())), Options{})
	assert.Contains(t, inspected(t, s), "postgres.any-server")
}

func TestInspectJudgesEachSetting(t *testing.T) {
	sound := serverSettings{version: 150000, fsync: "on", fullPages: "on", commit: "on", autovacuum: "on"}
	for id, change := range map[string]func(*serverSettings){
		"postgres.version":            func(at *serverSettings) { at.version = 130011 },
		"postgres.standby":            func(at *serverSettings) { at.standby = true },
		"postgres.fsync":              func(at *serverSettings) { at.fullPages = "off" },
		"postgres.synchronous-commit": func(at *serverSettings) { at.commit = "off" },
		"postgres.failover":           func(at *serverSettings) { at.replicas = 2 },
		"postgres.autovacuum":         func(at *serverSettings) { at.autovacuum = "off" },
	} {
		at := sound
		change(&at)
		assert.Equal(t, []string{id}, idsOf(at.inspect()))
	}
	sound.replicas, sound.synchronous = 1, "one"
	assert.Empty(t, sound.inspect())
	sound.commit = "local"
	assert.Equal(t, []string{"postgres.failover"}, idsOf(sound.inspect()))
}
