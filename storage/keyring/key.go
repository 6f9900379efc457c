package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
)

const keySize = 32

// Key returns the key stored in the keyring under service and user, for
// Config.EncryptionKeys of package passport. Pass the same names as to [New]: the key
// and the sessions are separate items. The first call creates the key, from 32 random
// bytes; concurrent processes all get the same one. It can seal sessions in any store:
// with storage/file, somebody who copies the disk does not get the key.
//
// Other programs of the user can read the key, as they can read sessions. If it is
// deleted, the sessions and the pending revocations are lost. If the item is not a key,
// Key returns an error and does not change it. If the keyring does not keep a new key,
// that is an error too.
//
// ctx and errors are as for [New].
func Key(ctx context.Context, service, user string, opts Options) ([]byte, error) {
	r, err := newRing(service, user, opts.withDefaults())
	if err != nil {
		return nil, err
	}
	return r.keyOrNew(ctx, service)
}

// keyOrNew returns the key, and creates it if there is none.
func (r *ring) keyOrNew(ctx context.Context, service string) ([]byte, error) {
	var key []byte
	get := func(w *work) error {
		there, err := r.key(service)
		if err == nil && w.commit() {
			key = there
		}
		return err
	}
	// First without the lock, which needs a writable file.
	if err := r.ask(ctx, get); err != nil || key != nil {
		return key, err
	}
	err := r.alone(ctx, func(w *work) error {
		if there, err := r.key(service); err != nil || there != nil { // another process has just created it
			return get(w)
		}
		if !w.commit() {
			return errGivenUp
		}
		made := make([]byte, keySize)
		_, _ = rand.Read(made) // never fails
		if err := r.items.set(r.keyName(), base64.StdEncoding.EncodeToString(made)); err != nil {
			return err
		}
		stored, err := r.key(service)
		if err == nil && !bytes.Equal(stored, made) {
			err = errForgets
		}
		key = made
		return err
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

// errForgets is for a keyring that loses what it has stored: the next run would create
// another key, which opens nothing.
var errForgets = errors.New("storage/keyring: Key: the keyring has not kept the key that was stored in it: use storage/file")

func (r *ring) keyName() string { return r.user + "/key" }

// key returns the key, or nil if there is none.
func (r *ring) key(service string) ([]byte, error) {
	text, err := r.items.get(r.keyName())
	if err != nil || text == "" {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("storage/keyring: Key: the item %q of %q holds no key of %d bytes in base64: remove it and, with it, every session that was sealed with the key", r.keyName(), service, keySize)
	}
	return key, nil
}
