package native

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

// Only the browser that a user signed in with has the Passport session's cookie,
// and the system's browser may be another one by the time of the logout. So a
// login leaves a mark there, a cookie on the loopback address, which all ports
// share, and the return from a logout has to bring it along. It says no more than
// "this browser": it opens nothing.

// markLife is that of the Passport session, which Auth0 ends after 30 days at
// the latest.
const markLife = 30 * 24 * time.Hour

// markName tells apart the programs of one user.
func markName(clientID string) string {
	sum := sha256.Sum256([]byte(clientID))
	return "passport-native-" + hex.EncodeToString(sum[:6])
}

// cookie returns the mark that the visitor has, or "".
func (v *visit) cookie(clientID string) string {
	c, err := v.request.Cookie(markName(clientID))
	if err != nil {
		return ""
	}
	return c.Value
}

// mark returns the one that the visitor has or, if it has none that could be
// ours, a new one: an installation with a store of its own may have left it.
func (v *visit) mark(clientID string) string {
	if there := v.cookie(clientID); len(there) == len(rand.Text()) {
		return there
	}
	return rand.Text()
}

// marking is the page that leaves a mark.
func (p page) marking(clientID, mark string) page {
	p.cookie = &http.Cookie{
		Name:     markName(clientID),
		Value:    mark,
		Path:     "/",
		MaxAge:   int(markLife / time.Second),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // or the return from the auth domain would come without it
	}
	return p
}
