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

// Handler is the part of *passport.Passport that [NewSession] needs.
type Handler interface {
	Handler(next http.Handler) http.Handler
}

// SignedIn is a user who is signed in to the program under test. [NewSession] creates
// one.
type SignedIn struct {
	session testsession.Session
}

// NewSession begins an app session for user without a login, and so without
// Config.OnSignIn: what that adds to a session, a test sets with SetData of the session that
// passport.SessionFrom finds in [SignedIn.Context]. It does not call the auth
// domain, which need not exist. p is the *passport.Passport of the program under test.
// The test fails if p's Store refuses the session.
//
// The session is like any other, with an ID token and an access token for the user. It
// has no refresh token, so a logout has nothing to revoke, and the access token, which
// expires after a day, cannot be refreshed.
//
//	user := passporttest.NewSession(t, p, passporttest.DefaultUser())
//	w := httptest.NewRecorder()
//	p.Handler(mux).ServeHTTP(w, user.Request("GET", "/inventory", nil))
//
// To test a handler without p.Handler around it:
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

// issueFor makes the tokens that a login would return.
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

// Request returns a request of the signed-in user to the program, as made by
// [httptest.NewRequest], with the cookie of the session. It looks like a browser's
// request from a page of the program itself.
func (s *SignedIn) Request(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range s.Cookies() {
		r.AddCookie(c)
	}
	return r
}

// Cookies returns the cookies that the user's browser sends to the program, for
// requests that a test makes itself.
func (s *SignedIn) Cookies() []*http.Cookie {
	return []*http.Cookie{{Name: s.session.Cookie, Value: s.session.ID}}
}

// Format prints nothing about the session, whatever the verb.
func (s *SignedIn) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "passporttest.SignedIn") }

// Context returns a copy of ctx in which passport.SessionFrom finds the session,
// for handlers that are called without Passport.Handler around them.
func (s *SignedIn) Context(ctx context.Context) context.Context { return s.session.In(ctx) }
