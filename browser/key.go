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

// sealingKey returns the stored key, and stores mine if there is none.
func sealingKey(ctx context.Context, store storage.TokenStore, now time.Time, mine []byte) ([]byte, error) {
	rec, err := store.Load(ctx, keyRecord)
	if errors.Is(err, storage.ErrNotFound) {
		rec, err = store.Save(ctx, storage.Record{ID: keyRecord, Expiry: now.Add(keyLife), Data: mine})
	}
	if errors.Is(err, storage.ErrConflict) { // another tab was faster
		rec, err = store.Load(ctx, keyRecord)
	}
	if err != nil {
		return nil, fmt.Errorf("browser: the key that seals what is stored: %w", err)
	}
	return rec.Data, nil
}

func newKey() []byte {
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// keepKey stores this page's key again if the database has been deleted since, by the user
// or a script: the next page is to open what this one seals.
func (p *Passport) keepKey(ctx context.Context) error {
	_, err := sealingKey(ctx, p.state.store, p.c.Now(), p.key)
	return err
}
