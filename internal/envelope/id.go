package envelope

import (
	"crypto/sha256"
	"encoding/base64"
)

// SpaceSession is the name space of sessions; see ID.
const SpaceSession = "session:" // short enough for one block of SHA-256

// IDLength is that of 32 random or hashed bytes in unpadded base64url.
const IDLength = 43

// ID derives the key of a record from a secret that only a browser holds. Every
// use of the store has its own name space, so that the key of one can never be
// taken for that of another.
func ID(space, secret string) string {
	var buf [64]byte
	sum := sha256.Sum256(append(append(buf[:0], space...), secret...))
	var text [IDLength]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}
