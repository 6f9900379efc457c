package guidetest

import (
	"bytes"
	"expvar"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// operated is what a program has for its operators.
func operated(p *passport.Passport) *http.ServeMux {
	admin := http.NewServeMux() // on an address that the public does not reach
	admin.HandleFunc("GET /readyz", p.Readiness)
	expvar.Publish("passport", expvar.Func(func() any { return p.Stats() }))
	admin.Handle("GET /debug/vars", expvar.Handler())
	return admin
}

func TestOperatorsSeeHealthAndNumbers(t *testing.T) {
	p := newPassport(t, passport.Config{ClientID: "client", RedirectURI: "https://app.example.com/redirect", AuthDomain: "https://127.0.0.1:1"})
	admin := operated(p)
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `"status":"degraded"`)
	w = httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest("GET", "/debug/vars", nil))
	assert.Contains(t, w.Body.String(), `"logins_failed"`)
}

// behindProxy believes the header that the program's proxy sets.
func behindProxy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := r.WithContext(passport.WithRemoteAddr(r.Context(), r.Header.Get("X-Real-IP"))) // which the proxy replaces
		next.ServeHTTP(w, in)
		r.MultipartForm = in.MultipartForm // net/http removes its files
	})
}

func TestTheProxyTellsTheAddress(t *testing.T) {
	var events []passport.Event
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		c.OnEvent = func(e passport.Event) { events = append(events, e) }
		p := newPassport(t, c)
		return p, behindProxy(p.Handler(routes(p)))
	})
	r, err := http.NewRequest(http.MethodGet, s.URL+"/redirect?state=x", nil)
	require.NoError(t, err)
	r.Header.Set("X-Real-IP", "198.51.100.7")
	res, err := s.auth.Browser().Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Len(t, events, 1)
	assert.Equal(t, "198.51.100.7", events[0].RemoteAddr)
	assert.Equal(t, passport.LoginUnknown, events[0].Reason)
}

// audited is a Config whose events are written to an audit log.
func audited(config passport.Config, audit io.Writer) passport.Config {
	config.OnEvent = passport.AuditLog(slog.New(slog.NewJSONHandler(audit, nil)))
	return config
}

func TestEventsAreAudited(t *testing.T) {
	var audit lockedBuffer
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, audited(c, &audit))
		mux := routes(p)
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {})
		return p, p.Handler(mux)
	})
	browser := s.auth.Browser()
	get(t, browser, s.URL+"/login")
	post(t, browser, s.URL+"/logout")
	log := audit.String()
	for _, name := range []passport.EventName{passport.EventLogin, passport.EventLogout, passport.EventPassportDone} {
		assert.Equal(t, 1, strings.Count(log, `"msg":"`+string(name)+`"`), name)
	}
	assert.Contains(t, log, `"msg":"logout","subject":"`+passporttest.DefaultUser().Subject+`"`)
	for _, token := range s.auth.RefreshTokens() {
		assert.False(t, strings.Contains(log, token.Value))
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(data)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
