package use

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/postgres"
)

// Check needs no server: a pool connects when it is first used.
func Check(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, "postgres://localhost:1/none")
	if err != nil {
		return err
	}
	defer pool.Close()
	store, err := postgres.New(pool, postgres.Options{})
	_ = passport.Config{Store: store}
	return err
}
