package passport

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// benchTokens are of the size of Immutable's.
var benchTokens = tokens{
	IDToken:      Secret(strings.Repeat("i", 1200)),
	AccessToken:  Secret(strings.Repeat("a", 1200)),
	RefreshToken: Secret(strings.Repeat("r", 60)),
	TokenType:    "Bearer",
	Scope:        "openid profile email offline_access transact",
	Expiry:       time.Now().Add(24 * time.Hour),
}

// benchSession stores a session, as a login does, and returns its secret id.
func benchSession(b testing.TB, p *Passport, subject, sid string) Secret {
	b.Helper()
	return benchSessionOf(b, p, benchTokens, subject, sid)
}

func benchSessionOf(b testing.TB, p *Passport, t tokens, subject, sid string) Secret {
	b.Helper()
	now := p.c.Now()
	h := head{Begun: now.Unix(), Seen: now.Unix(), End: now.Add(p.c.SessionLifetime).Unix()}
	secret := Secret(records.NewSecret())
	rec := storage.Record{Tenant: p.records.Tenant(), Kind: storage.KindSession, ID: p.records.ID(storage.KindSession, secret.Reveal()), Subject: subject, SID: sid, Expiry: p.expiry(h)}
	saved, err := p.records.Save(b.Context(), p.records.SealSession(rec, h, t.marshal()))
	require.NoError(b, err)
	p.records.KeepHead(&saved)
	return secret
}

func benchPassport(b testing.TB, edit func(*Config)) *Passport {
	b.Helper()
	c := Config{ClientID: "client", RedirectURI: "https://app.example.com/redirect"}
	if edit != nil {
		edit(&c)
	}
	p, err := New(c)
	require.NoError(b, err)
	return p
}

// nothing is a response that goes nowhere, as cheap as can be.
type nothing struct{ header http.Header }

func (n *nothing) Header() http.Header         { return n.header }
func (n *nothing) Write(p []byte) (int, error) { return len(p), nil }
func (n *nothing) WriteHeader(int)             {}

// limitHandler is the least that an authenticated request can cost: a cookie is
// parsed and a map looked up.
func limitHandler(sessions *sync.Map, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("__Host-passport"); err == nil {
			if _, ok := sessions.Load(c.Value); ok {
				next.ServeHTTP(w, r)
			}
		}
	})
}

func BenchmarkAuthenticatedRequest(b *testing.B) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	request := func(secret Secret) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(&http.Cookie{Name: "__Host-passport", Value: secret.Reveal()})
		return r
	}
	limit := func() (http.Handler, *http.Request) {
		secret := Secret(records.NewSecret())
		var sessions sync.Map
		sessions.Store(secret.Reveal(), &benchTokens)
		return limitHandler(&sessions, ok), request(secret)
	}
	ours := func(idle time.Duration) func() (http.Handler, *http.Request) {
		return func() (http.Handler, *http.Request) {
			p := benchPassport(b, func(c *Config) { c.IdleTimeout = idle })
			return p.Handler(ok), request(benchSession(b, p, "alice", "sid"))
		}
	}
	for _, row := range []struct {
		name string
		make func() (http.Handler, *http.Request)
	}{{"limit", limit}, {"passport", ours(-1)}, {"passport with idle expiry", ours(time.Hour)}} {
		h, r := row.make()
		b.Run(row.name+"/serial", func(b *testing.B) {
			b.ReportAllocs()
			w := &nothing{header: http.Header{}}
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
		b.Run(row.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				w := &nothing{header: http.Header{}}
				for pb.Next() {
					h.ServeHTTP(w, r)
				}
			})
		})
	}
}
