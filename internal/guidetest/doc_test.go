// Package guidetest has the code of the pages in docs/, each page's in a file of its
// name, and runs it. A test of the root compares the pages with it.
package guidetest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// site is a program, served, with an auth domain of its own.
type site struct {
	*httptest.Server
	auth *passporttest.Server
	p    *passport.Passport
}

// serve starts a program. build gets the Config that reaches the auth domain, to
// change and to make a Passport from, and returns the program.
func serve(t *testing.T, build func(c passport.Config) (*passport.Passport, http.Handler)) *site {
	t.Helper()
	s := &site{auth: passporttest.NewServer(passporttest.Options{AutoLogin: true}), Server: httptest.NewUnstartedServer(nil)}
	t.Cleanup(s.auth.Close)
	s.URL = "http://" + s.Listener.Addr().String()
	s.p, s.Config.Handler = build(passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        s.auth.URL,
		RedirectURI:       s.URL + "/redirect",
		LogoutRedirectURI: s.URL + "/",
	})
	s.Server.URL = ""
	s.Start()
	t.Cleanup(s.Close)
	if s.p != nil {
		t.Cleanup(func() { require.NoError(t, s.p.Close(context.Background())) })
	}
	return s
}

// routes are the handlers of a program without pages.
func routes(p *passport.Passport) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	return mux
}

func newPassport(t *testing.T, c passport.Config) *passport.Passport {
	t.Helper()
	p, err := passport.New(c)
	require.NoError(t, err)
	return p
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

func do(t *testing.T, client *http.Client, r *http.Request) answer {
	t.Helper()
	res, err := client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res, string(body)}
}

func request(t *testing.T, method, url string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func get(t *testing.T, client *http.Client, url string, header ...string) answer {
	t.Helper()
	return do(t, client, request(t, http.MethodGet, url, header...))
}

func post(t *testing.T, client *http.Client, url string, header ...string) answer {
	t.Helper()
	return do(t, client, request(t, http.MethodPost, url, header...))
}
