package use

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
)

func Check(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "outsider")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := bolt.Open(filepath.Join(dir, "sessions.db"), bolt.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	_ = passport.Config{Store: store}
	session := storage.Record{ID: "1", Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: []byte("sealed")}
	if _, err := store.Save(ctx, session); err != nil {
		return err
	}
	ended, err := store.DeleteMatching(ctx, storage.Match{Subject: "alice"})
	if err == nil && len(ended) != 1 {
		err = fmt.Errorf("%d sessions ended", len(ended))
	}
	return err
}
