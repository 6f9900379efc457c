package file_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/file"
)

// A session is still there in the next run of the program, and its file is gone
// after the logout. A real program puts the file in os.UserConfigDir.
func Example() {
	dir, err := os.MkdirTemp("", "mygame")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "session.json")
	ctx := context.Background()

	store, err := file.New(path, file.Options{})
	if err != nil {
		log.Fatal(err)
	}
	session := storage.Record{ID: "7f3a", Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: []byte("sealed")}
	if _, err := store.Save(ctx, session); err != nil {
		log.Fatal(err)
	}

	store, err = file.New(path, file.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ended, err := store.DeleteMatching(ctx, storage.Match{Subject: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = os.Stat(path)
	fmt.Printf("%d session of alice ended; file gone: %t\n", len(ended), os.IsNotExist(err))
	// Output: 1 session of alice ended; file gone: true
}
