package guidetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// revokePending keeps the instance awake until all tokens are revoked, or until the
// scheduler gives up.
func revokePending(p *passport.Passport) http.Handler {
	return p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			left, err := p.PendingRevocations(r.Context())
			if err != nil {
				http.Error(w, "The store does not answer.", http.StatusServiceUnavailable)
				return
			}
			if left.Pending == 0 {
				return
			}
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			}
		}
	}))
}

// inFront passes the requests of users on to another program, which believes X-User.
func inFront(p *passport.Passport, program *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(program)
		r.SetXForwarded()
		r.Out.Header.Set("X-User", passport.SessionFrom(r.In.Context()).Subject())
		r.Out.Header.Del("Cookie") // with it, the other program could act as the user here
	}}
	return p.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" && r.Header.Get("Accept") != "text/event-stream" {
			proxy.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		ended := passport.SessionFrom(ctx).Done(ctx)
		go func() {
			select {
			case <-ended: // the stream ends with the session
				cancel()
			case <-ctx.Done():
			}
		}()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	}))
}

func TestAnotherProgramIsForUsersAlone(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", r.URL, r.Header.Get("X-User"), r.Header.Get("Cookie"))
		if r.URL.Path == "/reports/events" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(other.Close)
	address, err := url.Parse(other.URL)
	require.NoError(t, err)
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		mux := routes(p)
		mux.Handle("/reports/", inFront(p, address))
		return p, p.Handler(mux)
	})
	b := s.auth.Browser()
	month := s.URL + "/reports/month?a=1"
	assert.Equal(t, http.StatusUnauthorized, do(t, b, request(t, "GET", month, "Accept", "application/json")).StatusCode)
	do(t, b, request(t, "GET", s.URL+"/login"))
	alice := passporttest.DefaultUser().Subject
	assert.Equal(t, "/reports/month?a=1 "+alice+" ", do(t, b, request(t, "GET", month, "X-User", "mallory", "Connection", "X-User")).body)

	stream, err := b.Do(request(t, "GET", s.URL+"/reports/events", "Accept", "text/event-stream"))
	require.NoError(t, err)
	defer stream.Body.Close()
	_, err = s.p.EndSessions(t.Context(), storage.Match{Subject: alice})
	require.NoError(t, err)
	_, err = io.ReadAll(stream.Body) // which would not return
	assert.Error(t, err, "it is cut off")
	assert.Equal(t, http.StatusUnauthorized, do(t, b, request(t, "GET", month, "Accept", "application/json")).StatusCode)
}

func TestASchedulerKeepsTheInstanceAwakeUntilAllIsRevoked(t *testing.T) {
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		return p, p.Handler(routes(p))
	})
	b := s.auth.Browser()
	do(t, b, request(t, "GET", s.URL+"/login"))
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable, Times: 1})
	do(t, b, request(t, "POST", s.URL+"/logout"))

	w := httptest.NewRecorder()
	revokePending(s.p).ServeHTTP(w, httptest.NewRequest("POST", "/tasks/revocations", nil))
	assert.Equal(t, http.StatusOK, w.Code)
	require.Len(t, s.auth.RefreshTokens(passporttest.Revoked), 1)
	assert.Len(t, s.auth.Requests("/oauth/revoke"), 2)
}
