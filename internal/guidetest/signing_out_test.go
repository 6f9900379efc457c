package guidetest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// devices are the pages of a user's own sessions.
func devices(p *passport.Passport) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sessions", func(w http.ResponseWriter, r *http.Request) {
		session := passport.SessionFrom(r.Context())
		all, err := p.Sessions(r.Context(), session.Subject())
		if err != nil {
			http.Error(w, "Please try again later.", http.StatusServiceUnavailable)
			return
		}
		for _, s := range all {
			fmt.Fprintln(w, s.ID == session.ID(), s.Label, s.Seen.Format(time.DateTime))
		}
	})
	mux.HandleFunc("POST /sessions/end-others", func(w http.ResponseWriter, r *http.Request) {
		session := passport.SessionFrom(r.Context())
		out, err := p.EndSessions(r.Context(), storage.Match{Subject: session.Subject(), Except: session.ID()})
		if err != nil {
			http.Error(w, "Please try again.", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "sessions ended:", out.Ended)
	})
	mux.HandleFunc("POST /sessions/end-one", func(w http.ResponseWriter, r *http.Request) {
		session := passport.SessionFrom(r.Context())
		all, err := p.Sessions(r.Context(), session.Subject())
		for _, s := range all {
			if s.ID == r.FormValue("id") { // one of this user's
				_, e := p.EndSession(r.Context(), s.ID)
				err = errors.Join(err, e)
			}
		}
		if err != nil {
			http.Error(w, "Please try again.", http.StatusServiceUnavailable)
		}
	})
	return mux
}

func TestAUserEndsTheOtherSessions(t *testing.T) {
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		mux := routes(p)
		mux.HandleFunc("GET /{$}", inventory)
		mux.Handle("/sessions", p.RequireLogin(devices(p)))
		mux.Handle("/sessions/", http.NewCrossOriginProtection().Handler(p.RequireLogin(devices(p))))
		return p, p.Handler(mux)
	})
	here, there, elsewhere := s.auth.Browser(), s.auth.Browser(), s.auth.Browser()
	for _, b := range []*http.Client{here, there, elsewhere} {
		require.Equal(t, http.StatusOK, get(t, b, s.URL+"/login").StatusCode)
	}
	list := get(t, here, s.URL+"/sessions").body
	assert.Equal(t, 3, strings.Count(list, "\n"), list)
	assert.Equal(t, 1, strings.Count(list, "true"), "this one")

	sessions, err := s.p.Sessions(t.Context(), passporttest.DefaultUser().Subject)
	require.NoError(t, err)
	post(t, here, s.URL+"/sessions/end-one?id="+sessions[0].ID) // the latest: elsewhere
	assert.Equal(t, http.StatusUnauthorized, get(t, elsewhere, s.URL+"/").StatusCode)
	assert.Equal(t, http.StatusOK, get(t, there, s.URL+"/").StatusCode)

	assert.Equal(t, "sessions ended: 1\n", post(t, here, s.URL+"/sessions/end-others").body)
	assert.Equal(t, http.StatusUnauthorized, get(t, there, s.URL+"/").StatusCode)
	assert.Equal(t, http.StatusOK, get(t, here, s.URL+"/").StatusCode)
}
