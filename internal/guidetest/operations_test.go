package guidetest

import (
	"bytes"
	"expvar"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// watched is a Config whose events are counted, and written to an audit log.
func watched(config passport.Config, events *expvar.Map, audit *slog.Logger) passport.Config {
	config.OnEvent = func(e passport.Event) {
		events.Add(string(e.Name), 1)
		attrs := []any{"user", e.Subject, "session", e.Session, "sid", e.SID, "time", e.Time}
		if e.Err != nil {
			attrs = append(attrs, "error", e.Err)
		}
		audit.Info(string(e.Name), attrs...)
	}
	return config
}

// behindProxy believes the header that the program's proxy sets.
func behindProxy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := passport.WithRemoteAddr(r.Context(), r.Header.Get("X-Real-IP")) // which the proxy replaces
		next.ServeHTTP(w, r.WithContext(ctx))
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

func TestEventsAreCountedAndAudited(t *testing.T) {
	events := new(expvar.Map).Init()
	var audit lockedBuffer
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, watched(c, events, slog.New(slog.NewTextHandler(&audit, nil))))
		mux := routes(p)
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {})
		return p, p.Handler(mux)
	})
	browser := s.auth.Browser()
	get(t, browser, s.URL+"/login")
	post(t, browser, s.URL+"/logout")
	for _, name := range []passport.EventName{passport.EventLogin, passport.EventLogout, passport.EventPassportDone} {
		if assert.NotNil(t, events.Get(string(name)), name) {
			assert.Equal(t, "1", events.Get(string(name)).String())
		}
	}
	log := audit.String()
	assert.Contains(t, log, "msg=logout user="+passporttest.DefaultUser().Subject)
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
