// Package seal encrypts what leaves for a store, bound to the place where it
// belongs, so that what comes back is what was sent or an error.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// KeySize is the length of a key in bytes: AES-256.
const KeySize = 32

var (
	// ErrOpen reports sealed bytes that do not open: altered, cut, or moved to
	// another place.
	ErrOpen = errors.New("sealed data was altered or moved")

	// ErrNoKey reports bytes that seem whole and were sealed with a key that
	// is not listed.
	ErrNoKey = errors.New("sealed data needs an encryption key that is not configured")

	// ErrLater reports bytes in a format that only a later version reads. Such a
	// version may share the store while instances are replaced one by one.
	ErrLater = errors.New("sealed data is in the format of a later version")
)

const (
	format    = 1
	nonceSize = 12
	prefix    = 1 + 4 // format, key id
)

// Keys seals with the newest key and opens with any of them. It is safe for
// concurrent use.
//
// Nonces are random, 96 bits long (NIST SP 800-38D §8.2.2): a key must not seal
// more than 2^32 times.
type Keys struct {
	keys []key
}

type key struct {
	id   [4]byte
	aead cipher.AEAD
}

// New takes keys of KeySize bytes, newest first. Without any it makes a random
// one, which dies with the process.
func New(raw [][]byte) (*Keys, error) {
	if len(raw) == 0 {
		fresh := make([]byte, KeySize)
		_, _ = rand.Read(fresh) // never fails
		raw = [][]byte{fresh}
	}
	k := &Keys{}
	for i, r := range raw {
		if len(r) != KeySize {
			return nil, fmt.Errorf("key %d is %d bytes long, not %d", i, len(r), KeySize)
		}
		block, err := aes.NewCipher(r)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, key{id: IDOf(r), aead: aead})
	}
	return k, nil
}

// IDOf is the public ID of a key: it is in everything that the key has sealed.
func IDOf(key []byte) [4]byte {
	sum := sha256.Sum256(append([]byte("passport key id "), key...))
	return [4]byte(sum[:4])
}

// KeyID is the ID of the key that has sealed something, or not ok if it was not sealed
// here.
func KeyID(sealed []byte) (id [4]byte, ok bool) {
	if len(sealed) < prefix+nonceSize || sealed[0] != format {
		return id, false
	}
	return [4]byte(sealed[1:prefix]), true
}

// Seal appends plain, sealed and bound to place, to dst.
func (k *Keys) Seal(dst, plain, place []byte) []byte {
	newest := k.keys[0]
	dst = append(dst, format)
	dst = append(dst, newest.id[:]...)
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails
	dst = append(dst, nonce[:]...)
	return newest.aead.Seal(dst, nonce[:], plain, place)
}

// Open appends what was sealed for place to dst, or returns ErrOpen, ErrNoKey or
// ErrLater.
func (k *Keys) Open(dst, sealed, place []byte) ([]byte, error) {
	if len(sealed) > 0 && sealed[0] > format {
		return nil, ErrLater
	}
	if len(sealed) < prefix+nonceSize || sealed[0] != format {
		return nil, ErrOpen
	}
	id, nonce, box := [4]byte(sealed[1:prefix]), sealed[prefix:prefix+nonceSize], sealed[prefix+nonceSize:]
	err := ErrNoKey
	for i := range k.keys {
		if k.keys[i].id != id {
			continue
		}
		if plain, openErr := k.keys[i].aead.Open(dst, nonce, box, place); openErr == nil {
			return plain, nil
		}
		err = ErrOpen
	}
	return nil, err
}
