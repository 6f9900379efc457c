package native

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"
)

// Only the browser that the user signed in with has the Passport session's cookie,
// and for a logout the system may open another one. So a login gives the browser an
// ID, in a cookie on the loopback address, which all ports share, and the browser must
// send it when it comes back from a logout. The ID only identifies the browser, and
// grants nothing.

// browserIDLife is as long as a Passport session, which Auth0 ends after 30 days at
// the latest.
const browserIDLife = 30 * 24 * time.Hour

// browserIDCookie returns the name of the cookie, different for each program.
func browserIDCookie(clientID string) string {
	sum := sha256.Sum256([]byte(clientID))
	return "passport-native-" + hex.EncodeToString(sum[:6])
}

// browserID returns the ID that the browser sends, or "".
func browserID(r *http.Request, clientID string) string {
	c, err := r.Cookie(browserIDCookie(clientID))
	if err != nil {
		return ""
	}
	return c.Value
}

// assignBrowserID returns the browser's ID or, if it has no valid one, a new one. It
// keeps an existing ID because another installation of the program, with its own
// store, may have assigned it.
func assignBrowserID(r *http.Request, clientID string) string {
	if id := browserID(r, clientID); len(id) == len(rand.Text()) {
		return id
	}
	return rand.Text()
}

// withBrowserID returns m as a page that also sets the ID's cookie.
func (m message) withBrowserID(clientID, id string) message {
	m.cookies = append(slices.Clone(m.cookies), &http.Cookie{
		Name:     browserIDCookie(clientID),
		Value:    id,
		Path:     "/",
		MaxAge:   int(browserIDLife / time.Second),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // a Strict cookie would not be sent on the return from the auth domain
	})
	return m
}
