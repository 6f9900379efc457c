package postgres_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/postgres"
)

// Package passport makes these calls; a program makes the store, migrates its
// tables as it starts, and hands it over in passport.Config.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	store, err := postgres.New(pool, postgres.Options{Prefix: "example_"})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	for _, device := range []string{"phone", "laptop"} {
		_, err := store.Save(ctx, storage.Record{
			ID:      "hash of the session id on the " + device,
			Subject: "alice",
			Expiry:  time.Now().Add(time.Hour),
			Data:    []byte("sealed"),
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	ended, err := store.DeleteMatching(ctx, storage.Match{Subject: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ended), "sessions ended")
	// Output: 2 sessions ended
}
