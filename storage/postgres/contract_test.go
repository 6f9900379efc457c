package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
)

func testContract(t *testing.T, pool *pgxpool.Pool, opts Options) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		opts := opts
		opts.Now = now
		return openStore(t, pool, opts)
	})
}

func TestContract(t *testing.T) {
	testContract(t, newPool(t), Options{})
}

// Where the database is set to be this strict, the server turns statements away
// that meet other writers.
func TestContractIfSerializable(t *testing.T) {
	config := poolConfig(t, server.URL())
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	testContract(t, openPool(t, config), Options{})
}

func TestContractBetweenInstances(t *testing.T) {
	here, there := newPool(t), newPool(t)
	storagetest.RunShared(t, func(t *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		opts := Options{Now: now, Prefix: freshPrefix()}
		return openStore(t, here, opts), newStore(t, there, opts)
	})
}
