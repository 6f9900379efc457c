package passporttest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// newOfflineProgram is a program whose auth domain does not exist.
func newOfflineProgram(t *testing.T) *passport.Passport {
	t.Helper()
	p, err := passport.New(passport.Config{
		ClientID:          "client",
		AuthDomain:        "https://auth.invalid",
		RedirectURI:       "https://game.example/redirect",
		LogoutRedirectURI: "https://game.example/",
		HTTPClient:        &http.Client{Transport: noNetwork{t}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(context.Background())) })
	return p
}

type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("a call to %s", r.URL)
	return nil, http.ErrHandlerTimeout
}

func greet(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		http.Error(w, "nobody", http.StatusUnauthorized)
		return
	}
	profile, err := session.Profile(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	token, err := session.AccessToken(r.Context())
	if err != nil || token.Reveal() == "" {
		http.Error(w, "no access token", http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "%s %s", session.Subject(), profile.Email)
}

func TestASignedInRequestNeedsNoLogin(t *testing.T) {
	p := newOfflineProgram(t)
	alice := passporttest.DefaultUser()
	user := passporttest.NewSession(t, p, alice)
	handler := p.Handler(http.HandlerFunc(greet))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, user.Request("GET", "/inventory", nil))
	assert.Equal(t, alice.Subject+" "+alice.Email, w.Body.String())

	shown := fmt.Sprintf("%v %+v %#v", user, user, user)
	assert.NotContains(t, shown, user.Cookies()[0].Value)

	other := passporttest.NewSession(t, p, passporttest.User{Subject: "bob", Email: "bob@example.com"})
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, other.Request("GET", "/inventory", nil))
	assert.Equal(t, "bob bob@example.com", w.Body.String())

	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/inventory", nil))
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestAHandlerCanBeTestedWithoutAPassportAroundIt(t *testing.T) {
	user := passporttest.NewSession(t, newOfflineProgram(t), passporttest.DefaultUser())
	w := httptest.NewRecorder()
	greet(w, httptest.NewRequestWithContext(user.Context(t.Context()), "GET", "/", nil))
	assert.Contains(t, w.Body.String(), passporttest.DefaultUser().Email)
}

func TestASessionWithoutALoginEndsLikeAnyOther(t *testing.T) {
	p := newOfflineProgram(t)
	user := passporttest.NewSession(t, p, passporttest.DefaultUser())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /", greet)
	handler := p.Handler(mux)

	session := passport.SessionFrom(user.Context(t.Context()))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, user.Request("POST", "/logout", nil))
	assert.Equal(t, http.StatusSeeOther, w.Code)
	<-session.Done(t.Context())
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, user.Request("GET", "/", nil))
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

// fatal keeps what a test is told when it fails.
type fatal struct {
	testing.TB
	said string
}

func (f *fatal) Helper() {}

func (f *fatal) Fatalf(format string, args ...any) { f.said = fmt.Sprintf(format, args...) }

type notAPassport struct{}

func (notAPassport) Handler(next http.Handler) http.Handler { return next }

func TestOnlyAPassportHasSessions(t *testing.T) {
	f := &fatal{TB: t}
	assert.Nil(t, passporttest.NewSession(f, notAPassport{}, passporttest.DefaultUser()))
	assert.Contains(t, f.said, "*passport.Passport")
}
