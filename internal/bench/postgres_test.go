package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/postgres"
)

// BenchmarkRequestOnPostgres is the check on every request, on one connection
// and on 32. The limit is one prepared SELECT of the same bytes from the same
// table through the same pool.
func BenchmarkRequestOnPostgres(b *testing.B) {
	server := started(b, postgresServer)
	setUp := openPool(b, server.URL(), 1)
	store := openPostgres(b, setUp)
	require.NoError(b, store.Migrate(b.Context()))
	_, err := setUp.Exec(b.Context(), `CREATE TABLE IF NOT EXISTS sessions (
		token text PRIMARY KEY, data bytea NOT NULL, expiry timestamptz NOT NULL)`)
	require.NoError(b, err)

	for _, conns := range []int32{1, connections} {
		pool := openPool(b, server.URL(), conns)
		store := openPostgres(b, pool)
		peers := pgxstore.NewWithCleanupInterval(pool, 0)
		_, err := pool.Exec(b.Context(), "TRUNCATE passport_records")
		require.NoError(b, err)
		ours := passportSessions(b, users, store, 0)
		contenders := []contender{
			limitOnPostgres(b, pool),
			ours,
			passportSessions(b, users, store, idle),
			scsSessions(b, peers, 0),
			scsSessions(b, peers, idle),
		}
		_, err = pool.Exec(b.Context(), "VACUUM ANALYZE") // what the logins have left
		require.NoError(b, err)
		for _, c := range contenders {
			b.Run(fmt.Sprintf("conns=%d/%s", conns, c.name), func(b *testing.B) {
				if conns == 1 {
					c.serial(b)
					return
				}
				c.parallel(b, int(conns))
			})
		}
	}
}

func openPool(b *testing.B, url string, conns int32) *pgxpool.Pool {
	b.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(b, err)
	config.MaxConns, config.MinConns = conns, conns
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	return pool
}

func openPostgres(b *testing.B, pool *pgxpool.Pool) *postgres.Store {
	b.Helper()
	store, err := postgres.New(pool, postgres.Options{})
	require.NoError(b, err)
	return store
}

// limitOnPostgres selects what stands in the table already: our own records.
func limitOnPostgres(b *testing.B, pool *pgxpool.Pool) contender {
	b.Helper()
	rows, err := pool.Query(b.Context(), "SELECT id FROM passport_records WHERE length(data) > $1", leastRecord)
	require.NoError(b, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	require.NoError(b, err)
	require.Len(b, ids, users)
	return rawLoad(func(ctx context.Context, i int) error {
		var data []byte
		return pool.QueryRow(ctx, "SELECT data FROM passport_records WHERE id = $1", ids[i]).Scan(&data)
	})
}
