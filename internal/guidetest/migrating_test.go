package guidetest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// oldSessions is what your program has used until now, such as scs or gorilla.
type oldSessions interface {
	User(r *http.Request) string // empty: nobody
	End(w http.ResponseWriter, r *http.Request)
}

// user is who a request comes from: by the new session, or else by the old one.
func user(r *http.Request, old oldSessions) string {
	if session := passport.SessionFrom(r.Context()); session != nil {
		return session.Subject()
	}
	return old.User(r)
}

// besideOld serves a program whose users have sessions of both kinds.
func besideOld(p *passport.Passport, old oldSessions, mux *http.ServeMux) http.Handler {
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	logout := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		old.End(w, r)
		p.Logout(w, r)
	})
	mux.Handle("POST /logout", http.NewCrossOriginProtection().Handler(logout))

	upgrade := p.SilentLogin(mux)
	return p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if old.User(r) == "" {
			mux.ServeHTTP(w, r)
		} else if passport.SessionFrom(r.Context()) != nil {
			old.End(w, r) // or it would be back after the next logout
			mux.ServeHTTP(w, r)
		} else {
			upgrade.ServeHTTP(w, r) // a new session on the way, if the Passport session lives
		}
	}))
}

// cookies are old sessions of the simplest kind.
type cookies struct {
	mu    sync.Mutex
	users map[string]string
}

func (c *cookies) User(r *http.Request) string {
	cookie, err := r.Cookie("old")
	if err != nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users[cookie.Value]
}

func (c *cookies) End(_ http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie("old"); err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.users, cookie.Value)
	}
}

func TestOldSessionsGoOnBesideNewOnes(t *testing.T) {
	alice := passporttest.DefaultUser().Subject
	old := &cookies{users: map[string]string{"1": alice, "2": alice}}
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
			kind := "old"
			if passport.SessionFrom(r.Context()) != nil {
				kind = "new"
			}
			if name := user(r, old); name != "" {
				fmt.Fprint(w, kind, " ", name)
			}
		})
		return p, besideOld(p, old, mux)
	})
	withOld := func(value string) *http.Client {
		browser := s.auth.Browser()
		browser.Jar.SetCookies(request(t, "GET", s.URL+"/").URL, []*http.Cookie{{Name: "old", Value: value}})
		return browser
	}

	// Nobody is signed in at Passport: the old session goes on.
	browser := withOld("1")
	assert.Equal(t, "old "+alice, get(t, browser, s.URL+"/").body)
	// A login replaces it, and the logout leaves nothing.
	assert.Equal(t, "new "+alice, get(t, browser, s.URL+"/login").body)
	assert.Empty(t, old.users["1"])
	post(t, browser, s.URL+"/logout")
	assert.Empty(t, get(t, browser, s.URL+"/").body)

	// The old session alone ends with the logout, too, but not by another site's form.
	second := withOld("2")
	refused := post(t, second, s.URL+"/logout", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, refused.StatusCode)
	assert.Equal(t, "old "+alice, get(t, second, s.URL+"/", "Sec-Fetch-Mode", "cors", "Accept", "application/json").body)
	post(t, second, s.URL+"/logout")
	assert.Empty(t, get(t, second, s.URL+"/").body)
}

func TestAnOldSessionBecomesANewOneOnTheWay(t *testing.T) {
	alice := passporttest.DefaultUser().Subject
	old := &cookies{users: map[string]string{"1": alice}}
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /{$}", inventory)
		return p, besideOld(p, old, mux)
	})
	browser := s.auth.Browser()
	get(t, browser, s.URL+"/login")                                       // begins the Passport session,
	_, err := s.p.EndSessions(t.Context(), storage.Match{Subject: alice}) // which is all that is left
	require.NoError(t, err)
	browser.Jar.SetCookies(request(t, "GET", s.URL+"/").URL, []*http.Cookie{{Name: "old", Value: "1"}})
	assert.Equal(t, "the inventory of "+alice, get(t, browser, s.URL+"/").body)
	assert.Empty(t, old.users)
}
