package passport

import (
	"crypto/rand"
	"encoding/base64"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/strictbase64"
	"github.com/passport-go/passport/storage"
)

// A record stands in the store under a hash of its tenant, its kind, and a secret,
// such as a session's id, with a head and a body, which are sealed; see package
// envelope. What else is derived from secrets has kinds of its own, so that none
// can be taken for another.
const (
	kindCode          = "code"
	kindBinding       = "binding"
	kindLoginState    = "login-state"
	kindLogoutSession = "logout-session"
)

// head is what a request has to know of its session.
type head = envelope.Head

// idLength is that of 32 random or hashed bytes in unpadded base64url.
const idLength = envelope.IDLength

// storeID derives the key of a record from a secret that only a browser holds.
func (p *Passport) storeID(kind storage.Kind, secret Secret) string {
	return p.c.tenant.ID(kind, string(secret))
}

// newRecord returns a record to be filled in.
func (p *Passport) newRecord(kind storage.Kind, secret Secret) storage.Record {
	return p.c.tenant.Record(kind, string(secret))
}

// plausibleID tells what we issued from what cannot be ours, at no cost.
func plausibleID(s string) bool { return len(s) == idLength && strictbase64.IsURL(s) }

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// newID returns an unguessable secret: 32 random bytes, in characters that are safe
// in URLs and cookies.
func newID() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return Secret(base64.RawURLEncoding.EncodeToString(b[:]))
}
