package bolt_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
)

// A session is still there after a restart.
func Example() {
	dir, err := os.MkdirTemp("", "passport")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sessions.db")

	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	session := storage.Record{ID: "7f3a", Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: []byte("sealed")}
	if _, err := store.Save(ctx, session); err != nil {
		log.Fatal(err)
	}
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}

	store, err = bolt.Open(path, bolt.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	ended, err := store.DeleteMatching(ctx, storage.Match{Subject: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d session of alice ended\n", len(ended))
	// Output: 1 session of alice ended
}
