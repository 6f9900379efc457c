package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
)

func TestContract(t *testing.T) {
	pool := newPool(t)
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return openStore(t, pool, Options{Now: now})
	})
}

// Two instances that differ in what the store must cope with. For one, the
// database is set to serializable, and turns statements away that meet other
// writers. The other is behind a proxy that pools transactions, where each
// statement may meet another session, and with fewer of them than callers does.
func TestContractBetweenUnlikeInstances(t *testing.T) {
	strict := poolConfig(t, server.URL())
	strict.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	here := openPool(t, strict)
	proxied := poolConfig(t, startProxy(t, 4))
	proxied.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	there := openPool(t, proxied)

	storagetest.RunShared(t, func(t *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		opts := Options{Now: now, Prefix: freshPrefix()}
		behind := opts
		behind.Listen = direct(t)
		return openStore(t, here, opts), newStore(t, there, behind)
	})
}
