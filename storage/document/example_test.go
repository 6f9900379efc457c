package document_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
)

// A place that holds one value needs three methods. This one is a file; for a real
// one, which survives a crash, use package storage/file.
func Example() {
	dir, err := os.MkdirTemp("", "passport")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sessions")
	place := place{path: path, lock: document.NewLock(path+".lock", time.Minute)}

	ctx := context.Background()
	store, err := document.New(ctx, place, document.Options{Name: "example"})
	if err != nil {
		log.Fatal(err)
	}
	session := storage.Record{ID: "7f3a", Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: []byte("sealed")}
	if _, err := store.Save(ctx, session); err != nil {
		log.Fatal(err)
	}
	ended, err := store.DeleteMatching(ctx, storage.Match{Subject: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(ended), "session of alice ended")
	// Output: 1 session of alice ended
}

type place struct {
	path string
	lock *document.Lock
}

func (p place) Read(context.Context) ([]byte, error) {
	data, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (p place) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	release, err := p.lock.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	old, err := p.Read(ctx)
	if err != nil {
		return err
	}
	next, err := change(old)
	if err != nil || bytes.Equal(old, next) {
		return err
	}
	return os.WriteFile(p.path, next, 0o600)
}

func (p place) SetAside(damaged []byte) error {
	return os.WriteFile(p.path+".damaged", damaged, 0o600)
}
