package guidetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// users is a program's own database.
type users map[string]string

func (u users) Upsert(_ context.Context, subject, email string) (int, error) {
	if email == "" {
		return 0, errors.New("no e-mail address")
	}
	u[subject] = email
	return len(u), nil
}

// appUser is what a program keeps in the session.
type appUser struct{ ID int }

func withUsers(db users, banned func(subject string) bool) passport.Config {
	config := passport.Config{
		OnSignIn: func(ctx context.Context, a *passport.SignInAttempt) error {
			var claims struct {
				Email string `json:"email"`
			}
			if err := a.Claims(&claims); err != nil {
				return err
			}
			if banned(a.Subject) {
				return &passport.SignInRefused{Title: "You are banned", Text: "Write to support if you think that is wrong."}
			}
			id, err := db.Upsert(ctx, a.Subject, claims.Email)
			if err != nil {
				return err // the user sees a short page; the error is in the log
			}
			return a.SetData(appUser{ID: id})
		},
	}
	return config
}

func TestAUserIsCreatedOrRefusedAtSignIn(t *testing.T) {
	db, banned := users{}, true
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		c.OnSignIn = withUsers(db, func(string) bool { return banned }).OnSignIn
		p := newPassport(t, c)
		mux := routes(p)
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
			var user appUser
			if s := passport.SessionFrom(r.Context()); s != nil && s.Data(r.Context(), &user) == nil {
				fmt.Fprint(w, "user ", user.ID)
			}
		})
		return p, p.Handler(mux)
	})
	browser := s.auth.Browser()
	assert.Contains(t, get(t, browser, s.URL+"/login").body, "You are banned")
	assert.Empty(t, get(t, browser, s.URL+"/").body)
	assert.Empty(t, db)
	banned = false
	assert.Equal(t, "user 1", get(t, browser, s.URL+"/login").body)
	assert.Equal(t, "alice@example.com", db[passporttest.DefaultUser().Subject])
}

func TestStepUp(t *testing.T) {
	changeEmail := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "changed") })
	var ahead atomic.Int64
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		p := newPassport(t, c)
		mux := routes(p)
		mux.HandleFunc("GET /{$}", http.NotFound)
		mux.Handle("POST /email", p.RequireRecent(10*time.Minute, changeEmail))
		return p, p.Handler(mux)
	})
	browser := s.auth.Browser()
	get(t, browser, s.URL+"/login")
	assert.Equal(t, "changed", post(t, browser, s.URL+"/email", "Accept", "application/json").body)
	ahead.Store(int64(11 * time.Minute))
	assert.Equal(t, http.StatusUnauthorized, post(t, browser, s.URL+"/email", "Accept", "application/json").StatusCode)
}

func TestSignedInAtTheProviderAlready(t *testing.T) {
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /login", p.Login)
		mux.HandleFunc("GET /redirect", p.LoginCallback)
		mux.HandleFunc("POST /logout", p.Logout)
		mux.HandleFunc("GET /inventory", inventory)
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {})
		handler := p.Handler(p.SilentLogin(mux))
		return p, handler
	})
	assert.Equal(t, "sign in first\n", get(t, s.auth.Browser(), s.URL+"/inventory").body, "nobody is signed in anywhere")

	browser, alice := s.auth.Browser(), passporttest.DefaultUser().Subject
	get(t, browser, s.URL+"/login")
	_, err := s.p.EndSessions(t.Context(), storage.Match{Subject: alice}) // only here; the Passport session goes on
	require.NoError(t, err)
	assert.Equal(t, "the inventory of "+alice, get(t, browser, s.URL+"/inventory").body)
}

func TestThePageHasEveryParameterOfALogin(t *testing.T) {
	page, err := os.ReadFile("../../docs/signing-in.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "## Parameters of a login")
	require.True(t, found)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[passport.LoginOptions]()) {
		if field.IsExported() {
			assert.Regexp(t, "(?m)^\\| [^|]*`"+field.Name+"`", table)
		}
	}
}

// multiFactor is what your provider calls a second factor.
const multiFactor = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"

// requireSecondFactor asks users for one who have signed in without it.
func requireSecondFactor(p *passport.Passport, next http.Handler) http.Handler {
	return p.RequireStepUp(passport.StepUp{ACRValues: multiFactor}, next)
}

func TestASecondFactorIsAskedForOnce(t *testing.T) {
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		mux := routes(p)
		mux.HandleFunc("GET /{$}", http.NotFound)
		mux.Handle("/wallet", requireSecondFactor(p, http.HandlerFunc(inventory)))
		return p, p.Handler(mux)
	})
	browser := s.auth.Browser()
	get(t, browser, s.URL+"/login")
	assert.Equal(t, http.StatusForbidden, get(t, browser, s.URL+"/wallet").StatusCode, "a provider that does not ask is no loop")
	asked := s.auth.Requests("/authorize")
	assert.Equal(t, multiFactor, asked[len(asked)-1].Query.Get("acr_values"))

	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { c["acr"] = multiFactor }})
	assert.Equal(t, http.StatusOK, get(t, browser, s.URL+"/wallet").StatusCode)
	assert.Equal(t, http.StatusOK, post(t, browser, s.URL+"/wallet").StatusCode)
}

// respond answers what concerns logins and logouts. to is where the browser goes, and w
// collects the headers that it gets, also with an error.
func respond(ctx context.Context, p *passport.Passport, r *http.Request, w headers) (to string, err error) {
	before, query := p.BrowserState(r), r.URL.Query()
	after := before
	switch r.Method + " " + r.URL.Path {
	case "GET /login":
		to, after, err = p.BeginLogin(ctx, before, passport.LoginOptions{ReturnTo: query.Get("return_to")})
	case "GET /redirect":
		var in passport.LoginResult
		in, after, err = p.FinishLogin(ctx, before, query)
		to = in.ReturnTo
	case "POST /logout":
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			return "", err // another site's page: answer 403
		}
		var l passport.Logout
		l, after, err = p.EndBrowserSession(ctx, before)
		to = l.URL // send the browser there even if err says that the store is down
	case "GET /signed-out": // LogoutRedirectURI
		_, after = p.CheckLogoutReturn(ctx, before, passport.LogoutReturn{Query: query, Way: returnWay(r.Header)})
		to = "/"
	}
	p.SetBrowserState(w, before, after)
	return to, err
}

// returnWay says whether the browser was redirected here, at top level.
func returnWay(h http.Header) passport.ReturnWay {
	site := h.Get("Sec-Fetch-Site")
	redirected := site == "cross-site" || site == "same-site"
	if redirected && h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document" {
		return passport.ReturnTopLevel
	}
	return passport.ReturnUnknown
}

// headers is an http.ResponseWriter that has nothing but headers.
type headers http.Header

func (h headers) Header() http.Header         { return http.Header(h) }
func (h headers) Write(b []byte) (int, error) { return len(b), nil }
func (h headers) WriteHeader(int)             {}

// withoutHTTP is a framework that tells a program of a request no more than respond needs.
func withoutHTTP(t *testing.T, p *passport.Passport) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bare, set := &http.Request{Method: r.Method, Host: r.Host, URL: r.URL, Header: r.Header}, headers{}
		if r.URL.Path == "/" {
			session, err := p.Session(r.Context(), p.BrowserState(bare).Session)
			if err == nil {
				fmt.Fprint(w, session.Subject())
			}
			return
		}
		to, err := respond(r.Context(), p, bare, set)
		maps.Copy(w.Header(), http.Header(set))
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
}

func TestAProgramWithoutNetHTTP(t *testing.T) {
	var finished atomic.Bool
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		c.LogoutRedirectURI += "signed-out"
		c.OnEvent = func(e passport.Event) { finished.Store(finished.Load() || e.Name == passport.EventPassportDone) }
		p := newPassport(t, c)
		return p, withoutHTTP(t, p)
	})
	browser := s.auth.Browser()
	assert.Equal(t, passporttest.DefaultUser().Subject, get(t, browser, s.URL+"/login?return_to=/").body)
	foreign := post(t, browser, s.URL+"/logout", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, foreign.StatusCode)
	assert.NotEmpty(t, get(t, browser, s.URL+"/").body, "another site has signed nobody out")

	assert.Empty(t, post(t, browser, s.URL+"/logout").body)
	assert.Empty(t, s.auth.Sessions())
	assert.True(t, finished.Load(), "the browser was seen to come back")
}
