package guidetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// backend serves a single-page app's files and its back end.
func backend(c passport.Config, files http.FileSystem) (*passport.Passport, http.Handler, error) {
	p, err := passport.New(c)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("/session", p.SessionInfo) // who is signed in
	mux.Handle("GET /passport.js", p.Script())
	mux.Handle("/api/", p.RequireLogin(http.HandlerFunc(inventory))) // 401 to a fetch
	mux.Handle("/", http.FileServer(files))
	return p, p.Handler(http.NewCrossOriginProtection().Handler(mux)), nil
}

// apiFor serves an app on another origin of the same site, such as
// https://app.example.com.
func apiFor(app string, c passport.Config) (*passport.Passport, http.Handler, error) {
	c.TrustedOrigins = []string{app}
	p, err := passport.New(c)
	if err != nil {
		return nil, nil, err
	}
	own := http.NewCrossOriginProtection()
	if err := own.AddTrustedOrigin(app); err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("/session", p.SessionInfo)
	mux.Handle("GET /passport.js", p.Script())
	api := http.NewServeMux()
	api.HandleFunc("/api/", inventory)
	api.Handle("POST /api/email", p.RequireRecent(10*time.Minute, http.HandlerFunc(changeEmail)))
	mux.Handle("/api/", cors(app, own.Handler(p.RequireLogin(api))))

	// Logins and logouts end on this origin, and go on to the app.
	mux.Handle("GET /signed-out", http.RedirectHandler(app, http.StatusSeeOther)) // LogoutRedirectURI
	toApp := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, app+"/"+r.PathValue("page"), http.StatusSeeOther)
	})
	mux.Handle("GET /app/{page...}", toApp) // return_to=/app/inventory
	mux.Handle("GET /confirm/{page...}", p.RequireRecent(10*time.Minute, toApp))
	mux.Handle("GET /{$}", http.RedirectHandler(app, http.StatusSeeOther))
	return p, p.Handler(mux), nil
}

// cors lets the pages of an origin read the answers of the program's own routes.
func cors(app string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		if r.Header.Get("Origin") == app {
			w.Header().Set("Access-Control-Allow-Origin", app)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			if r.Method == http.MethodOptions {
				w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
				w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func changeEmail(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "changed") }

// script are the headers of a fetch with credentials from a page of an origin.
func script(origin string) []string {
	return []string{"Origin", origin, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "application/json"}
}

func TestASinglePageAppAsksWhoIsSignedIn(t *testing.T) {
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		c.HomePath = "/session"
		p, handler, err := backend(c, http.FS(fstest.MapFS{"index.html": {Data: []byte("<title>App</title>")}}))
		assert.NoError(t, err)
		return p, handler
	})
	browser := s.auth.Browser()
	assert.Equal(t, "<title>App</title>", get(t, browser, s.URL+"/").body)
	assert.JSONEq(t, `{"signed_in":false}`, get(t, browser, s.URL+"/session").body)
	assert.Equal(t, http.StatusUnauthorized, get(t, browser, s.URL+"/api/inventory", script(s.URL)...).StatusCode)
	assert.Contains(t, get(t, browser, s.URL+"/login").body, `"signed_in":true`)
	assert.Equal(t, http.StatusOK, get(t, browser, s.URL+"/api/inventory", script(s.URL)...).StatusCode)
	assert.Contains(t, post(t, browser, s.URL+"/logout", "Accept", "application/json").body, `"mode":"redirect"`)
	assert.JSONEq(t, `{"signed_in":false}`, get(t, browser, s.URL+"/session").body)
}

func TestASinglePageAppOnAnotherOrigin(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "the app at ", r.URL.Path)
	}))
	t.Cleanup(front.Close)
	app := front.URL
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		c.LogoutRedirectURI = strings.TrimSuffix(c.LogoutRedirectURI, "/") + "/signed-out"
		p, handler, err := apiFor(app, c)
		assert.NoError(t, err)
		return p, handler
	})
	browser := s.auth.Browser()
	assert.Equal(t, "the app at /inventory", get(t, browser, s.URL+"/login?return_to=/app/inventory").body)
	for _, origin := range []string{app, "http://evil.localhost:5173"} {
		allowed := ""
		if origin == app {
			allowed = origin
		}
		info := get(t, browser, s.URL+"/session", script(origin)...)
		assert.Equal(t, allowed, info.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, allowed != "", info.StatusCode == http.StatusOK)
		own := post(t, browser, s.URL+"/api/buy", script(origin)...)
		assert.Equal(t, allowed, own.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, allowed != "", own.StatusCode == http.StatusOK, origin)
		ahead := do(t, browser, request(t, http.MethodOptions, s.URL+"/api/buy", "Origin", origin, "Access-Control-Request-Method", "POST"))
		assert.Equal(t, allowed, ahead.Header.Get("Access-Control-Allow-Origin"))
	}
	assert.Equal(t, http.StatusForbidden, post(t, browser, s.URL+"/logout", script("http://evil.localhost:5173")...).StatusCode)
	var answer struct{ Mode, App, URL string }
	require.NoError(t, json.Unmarshal([]byte(post(t, browser, s.URL+"/logout", script(app)...).body), &answer))
	assert.Equal(t, "redirect", answer.Mode)
	assert.Equal(t, "done", answer.App)
	assert.Equal(t, "the app at /", get(t, browser, answer.URL).body, "where passport.finish sends the browser")
	assert.Empty(t, s.auth.Sessions())
}

func TestASinglePageAppOnAnotherOriginHasItsUserConfirm(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "the app at ", r.URL.Path)
	}))
	t.Cleanup(front.Close)
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p, handler, err := apiFor(front.URL, c)
		assert.NoError(t, err)
		return p, handler
	})
	browser := s.auth.Browser()
	code := func() string {
		var said struct{ Code string }
		_ = json.Unmarshal([]byte(post(t, browser, s.URL+"/api/email", script(front.URL)...).body), &said)
		return said.Code
	}
	assert.Equal(t, "no_session", code())
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) {
		c["auth_time"] = time.Now().Add(-time.Hour).Unix()
	}})
	get(t, browser, s.URL+"/login?return_to=/app/settings")
	assert.Equal(t, "not_recent", code())
	lift()
	assert.Equal(t, "the app at /settings", get(t, browser, s.URL+"/confirm/settings").body, "by way of the provider")
	assert.Empty(t, code())
}
