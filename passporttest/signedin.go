package passporttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/passport-go/passport/internal/testsession"
)

// Handler is the part of *passport.Passport by which [NewSession] knows it.
type Handler interface {
	Handler(next http.Handler) http.Handler
}

// SignedIn is a user who is signed in to the program under test. [NewSession]
// makes one.
type SignedIn struct {
	session testsession.Session
}

// NewSession begins an app session of user's, without a login: nothing is asked of
// the auth domain, which need not exist. p is the *passport.Passport of the
// program under test. The test fails if p's Store refuses the session.
//
// The session is like any other, with an ID token and an access token for the
// user. It has no refresh token: a logout finds nothing to revoke, and an access
// token that has expired, after a day, is not refreshed.
//
//	user := passporttest.NewSession(t, p, passporttest.DefaultUser())
//	w := httptest.NewRecorder()
//	p.Handler(mux).ServeHTTP(w, user.Request("GET", "/inventory", nil))
//
// A handler can be tested without p.Handler around it, too:
//
//	inventory(w, httptest.NewRequestWithContext(user.Context(t.Context()), "GET", "/inventory", nil))
func NewSession(t testing.TB, p Handler, user User) *SignedIn {
	t.Helper()
	if testsession.Begin == nil { // package passport is not in the program
		t.Fatal("passporttest: NewSession takes a *passport.Passport")
		return nil
	}
	session, err := testsession.Begin(context.Background(), p, func(c testsession.Client) testsession.Tokens {
		return issueFor(c, user)
	})
	if err != nil {
		t.Fatalf("passporttest: the session could not begin: %v", err)
		return nil
	}
	return &SignedIn{session}
}

// issueFor makes the tokens of a login that never was.
func issueFor(c testsession.Client, user User) testsession.Tokens {
	d := New(Options{Issuer: c.Issuer, Clients: []Client{{ID: c.ClientID}}, Users: []User{user}, Now: c.Now})
	g := grant{
		clientID: c.ClientID,
		user:     user,
		sid:      randomID(),
		authTime: c.Now(),
		scope:    "openid profile email",
		audience: c.Audience,
	}
	return testsession.Tokens{
		Subject:     user.Subject,
		SID:         g.sid,
		IDToken:     d.sign(d.idClaims(g)),
		AccessToken: d.sign(d.accessClaims(g)),
		Scope:       g.scope,
		Expiry:      c.Now().Add(d.options.AccessTokenLifetime).Truncate(time.Second),
	}
}

// Request returns a request of the signed-in user's for the program, as
// [httptest.NewRequest] makes it, with the cookie of the session. A browser's
// request from a page of the program itself is what it looks like.
func (s *SignedIn) Request(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range s.Cookies() {
		r.AddCookie(c)
	}
	return r
}

// Cookies returns what the user's browser sends to the program, for requests that
// a test makes itself.
func (s *SignedIn) Cookies() []*http.Cookie {
	return []*http.Cookie{{Name: s.session.Cookie, Value: s.session.ID}}
}

// Format prints nothing of the session, whatever the verb.
func (s *SignedIn) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "passporttest.SignedIn") }

// Context returns a copy of ctx in which passport.SessionFrom finds the session,
// for handlers that are called without Passport.Handler around them.
func (s *SignedIn) Context(ctx context.Context) context.Context { return s.session.In(ctx) }
