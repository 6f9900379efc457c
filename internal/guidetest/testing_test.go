package guidetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func inventory(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	fmt.Fprint(w, "the inventory of ", session.Subject())
}

func TestInventory(t *testing.T) {
	p, _ := passport.New(passport.Config{ClientID: "client", RedirectURI: "http://localhost:3000/redirect"})
	user := passporttest.NewSession(t, p, passporttest.User{Subject: "alice"})
	w := httptest.NewRecorder()
	inventory(w, httptest.NewRequestWithContext(user.Context(t.Context()), "GET", "/inventory", nil))
	if w.Code != http.StatusOK || w.Body.String() != "the inventory of alice" {
		t.Error(w.Code, w.Body)
	}
}

func TestInventoryBehindItsMiddleware(t *testing.T) {
	p, _ := passport.New(passport.Config{ClientID: "client", RedirectURI: "http://localhost:3000/redirect"})
	program := p.Handler(p.RequireLogin(http.HandlerFunc(inventory)))
	user := passporttest.NewSession(t, p, passporttest.User{Subject: "alice"})

	w := httptest.NewRecorder()
	program.ServeHTTP(w, user.Request("GET", "/inventory", nil))
	if w.Code != http.StatusOK {
		t.Error("signed in:", w.Code)
	}
	w = httptest.NewRecorder()
	program.ServeHTTP(w, httptest.NewRequest("GET", "/inventory", nil))
	if w.Code != http.StatusUnauthorized {
		t.Error("signed out:", w.Code)
	}
}

// program is what a main serves: it takes the Config, so that a test can change it.
func program(c passport.Config) (*passport.Passport, http.Handler, error) {
	p, err := passport.New(c)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("POST /backchannel-logout", p.BackChannelLogout)
	mux.HandleFunc("GET /inventory", inventory)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {})
	return p, p.Handler(mux), nil
}

// start serves the program at a port of its own, with an auth domain of its own.
func start(t *testing.T, c passport.Config) (app *httptest.Server, auth *passporttest.Server) {
	app = httptest.NewUnstartedServer(nil)
	base := "http://" + app.Listener.Addr().String()
	auth = passporttest.NewServer(passporttest.Options{
		AutoLogin: true, // no login page: whoever comes is signed in
		Clients: []passporttest.Client{{
			ID:                   "client",
			RedirectURIs:         []string{base + "/redirect"},
			LogoutURLs:           []string{base + "/"},
			BackChannelLogoutURI: base + "/backchannel-logout",
		}},
	})
	t.Cleanup(auth.Close)

	c.ClientID, c.AuthDomain = "client", auth.URL
	c.RedirectURI, c.LogoutRedirectURI = base+"/redirect", base+"/"
	p, handler, err := program(c)
	if err != nil {
		t.Fatal(err)
	}
	app.Config.Handler = handler
	app.Start()
	t.Cleanup(func() {
		app.Close()
		if err := p.Close(context.Background()); err != nil { // t.Context() is done by now
			t.Error(err)
		}
	})
	return app, auth
}

// page is what the browser shows in the end.
func page(t *testing.T, res *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestSigningInAndOut(t *testing.T) {
	events := make(chan passport.EventName, 100)
	app, auth := start(t, passport.Config{OnEvent: func(e passport.Event) { events <- e.Name }})
	browser := auth.Browser() // follows redirects, keeps cookies

	res, err := browser.Get(app.URL + "/login?return_to=/inventory")
	if got := page(t, res, err); got != "the inventory of "+passporttest.DefaultUser().Subject {
		t.Error(got)
	}
	res, err = browser.PostForm(app.URL+"/logout", nil)
	page(t, res, err)

	if len(auth.Sessions()) > 0 {
		t.Error("the Passport session lives on")
	}
	for name := range events {
		if name == passport.EventPassportDone { // the program has seen the browser come back
			break
		}
	}
	if _, err := auth.Await(t.Context(), "/oauth/revoke", 1); err != nil {
		t.Error(err)
	}
	if len(auth.RefreshTokens(passporttest.Live)) > 0 {
		t.Error("a refresh token lives on")
	}
}

func TestSigningOutWhileTheAuthDomainIsDown(t *testing.T) {
	app, auth := start(t, passport.Config{})
	browser := auth.Browser()
	res, err := browser.Get(app.URL + "/login")
	page(t, res, err)

	auth.Inject(passporttest.Fault{Status: http.StatusServiceUnavailable}) // at every path
	res, err = browser.PostForm(app.URL+"/logout", nil)
	page(t, res, err)
	res, err = browser.Get(app.URL + "/inventory")
	if got := page(t, res, err); got != "sign in first\n" {
		t.Error(got)
	}

	auth.Lift() // the token is revoked now, or in Close at the latest
}

func TestSigningOutSomewhereElse(t *testing.T) {
	app, auth := start(t, passport.Config{})
	browser := auth.Browser()
	res, err := browser.Get(app.URL + "/login")
	page(t, res, err)

	auth.EndSession(auth.Sessions()[0].SID) // sends the logout token before it returns
	res, err = browser.Get(app.URL + "/inventory")
	if got := page(t, res, err); got != "sign in first\n" {
		t.Error(got)
	}
}

func TestTheTokenIsRevokedInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := passporttest.New(passporttest.Options{AutoLogin: true, Issuer: "https://auth.example/"})
		p, err := passport.New(passport.Config{
			ClientID:    passporttest.ClientID,
			AuthDomain:  "https://auth.example",
			RedirectURI: "http://localhost/redirect",
			HTTPClient:  auth.InProcess(), // a socket would stop the bubble's clock
		})
		if err != nil {
			t.Fatal(err)
		}
		browser := signedIn(t, p, auth)

		auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable, Times: 10})
		if _, _, err := p.EndBrowserSession(t.Context(), browser); err != nil {
			t.Error(err)
		}
		time.Sleep(24 * time.Hour) // at once
		if len(auth.RefreshTokens(passporttest.Live)) > 0 {
			t.Error("the refresh token lives on")
		}
		if err := p.Close(t.Context()); err != nil { // every goroutine has to end in the bubble
			t.Error(err)
		}
	})
}

// signedIn signs a user in by the verbs: nothing listens in a bubble.
func signedIn(t *testing.T, p *passport.Passport, auth *passporttest.AuthDomain) passport.BrowserState {
	address, state, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	client := auth.InProcess()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	_, state, err = p.FinishLogin(t.Context(), state, back.Query())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestAnIdleSessionEnds(t *testing.T) {
	var ahead atomic.Int64 // the clock is read in the background, too
	p, _ := passport.New(passport.Config{
		ClientID:    "client",
		RedirectURI: "http://localhost:3000/redirect",
		IdleTimeout: time.Hour,
		Now:         func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	user := passporttest.NewSession(t, p, passporttest.DefaultUser())
	ahead.Store(int64(2 * time.Hour))
	w := httptest.NewRecorder()
	p.Handler(http.HandlerFunc(inventory)).ServeHTTP(w, user.Request("GET", "/inventory", nil))
	if w.Code != http.StatusUnauthorized {
		t.Error(w.Code)
	}
}
