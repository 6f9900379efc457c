package native

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"
)

// Only the browser that a user signed in with has the Passport session's cookie,
// and by the time of the logout the system may open another one. So a login
// gives the browser an ID, in a cookie on the loopback address, which all ports
// share, and the return from a logout has to bring it. It says no more than "this
// browser", and grants nothing.

// browserIDLife is that of the Passport session, which Auth0 ends after 30 days
// at the latest.
const browserIDLife = 30 * 24 * time.Hour

// browserIDCookie is a name for each program of the user.
func browserIDCookie(clientID string) string {
	sum := sha256.Sum256([]byte(clientID))
	return "passport-native-" + hex.EncodeToString(sum[:6])
}

// browserID returns the ID that the browser brings, or "".
func browserID(r *http.Request, clientID string) string {
	c, err := r.Cookie(browserIDCookie(clientID))
	if err != nil {
		return ""
	}
	return c.Value
}

// assignBrowserID returns the ID that the browser has or, if it has none that
// could be ours, a new one: another installation of the program, with a store of
// its own, may have assigned it.
func assignBrowserID(r *http.Request, clientID string) string {
	if id := browserID(r, clientID); len(id) == len(rand.Text()) {
		return id
	}
	return rand.Text()
}

// withBrowserID is the page that assigns an ID.
func (m message) withBrowserID(clientID, id string) message {
	m.cookies = append(slices.Clone(m.cookies), &http.Cookie{
		Name:     browserIDCookie(clientID),
		Value:    id,
		Path:     "/",
		MaxAge:   int(browserIDLife / time.Second),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // Strict would not come back from the auth domain
	})
	return m
}
