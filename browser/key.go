package browser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// keyRecord is the ID of the record with the key that seals what the engine stores: one
// for all tabs, made by the first. It is shorter than any ID of the engine.
const keyRecord = "key"

// keyLife is longer than anybody uses a browser.
const keyLife = 100 * 365 * 24 * time.Hour

func sealingKey(ctx context.Context, store storage.TokenStore, now time.Time) ([]byte, error) {
	rec, err := store.Load(ctx, keyRecord)
	if errors.Is(err, storage.ErrNotFound) {
		key := make([]byte, seal.KeySize)
		_, _ = rand.Read(key) // never fails
		rec, err = store.Save(ctx, storage.Record{ID: keyRecord, Expiry: now.Add(keyLife), Data: key})
	}
	if errors.Is(err, storage.ErrConflict) { // another tab was faster
		rec, err = store.Load(ctx, keyRecord)
	}
	if err != nil {
		return nil, fmt.Errorf("browser: the key that seals what is stored: %w", err)
	}
	return rec.Data, nil
}
