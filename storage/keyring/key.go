package keyring

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
)

const keySize = 32

// Key returns the key that the keyring has under service and user, for
// Config.EncryptionKeys of package passport. The first call makes it, of 32
// random bytes; of processes that call at the same time, all get the same key.
// It is good for sessions in whichever store: with those in a file of
// storage/file it is out of reach for whoever copies the disk.
//
// What the package says of other programs of the user holds for the key too.
// Without it the sessions are lost, and so are the pending revocations.
// An item that is no key is an error, and left alone.
func Key(service, user string, opts Options) ([]byte, error) {
	r, err := newRing(service, user, opts.withDefaults())
	if err != nil {
		return nil, err
	}
	name := user + "/key"
	var key []byte
	err = r.alone(context.Background(), func() error {
		text, err := r.items.get(name)
		if err != nil {
			return err
		}
		if text == "" {
			key = make([]byte, keySize)
			_, _ = rand.Read(key) // never fails
			return r.items.set(name, base64.StdEncoding.EncodeToString(key))
		}
		key, err = base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != keySize {
			return fmt.Errorf("storage/keyring: Key: the item %q of %q holds no key of %d bytes in base64: remove it and, with it, every session that was sealed with the key", name, service, keySize)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}
