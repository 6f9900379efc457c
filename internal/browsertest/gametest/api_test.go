package gametest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
)

// apiServer is an API, or somebody else's server, that scripts of the game's origin may
// call.
type apiServer struct {
	origin string

	mu   sync.Mutex
	sent []http.Header // of the requests that were no preflights
}

func (s *site) newAPI(host string, answer http.HandlerFunc) *apiServer {
	s.t.Helper()
	a := &apiServer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Headers", "authorization, x-immutable-publishable-key")
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sent = append(a.sent, r.Header.Clone())
		answer(w, r)
	}))
	s.t.Cleanup(server.Close)
	a.origin = strings.Replace(server.URL, "127.0.0.1", host, 1)
	return a
}

func (a *apiServer) requests() []http.Header {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sent
}

// The browser's fetch follows redirects by itself, and asks nobody.
func TestAPageCallsTheAPIAndNobodyElse(t *testing.T) {
	s := newSite(t, "auth.localhost")
	other := s.newAPI("other.localhost", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "other") })
	api := s.newAPI("api.localhost", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, other.origin+"/here", http.StatusTemporaryRedirect)
			return
		}
		fmt.Fprint(w, "inventory")
	})
	s.config["APIDomain"], s.config["PublishableKey"] = api.origin, "pk_test"
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	call := func(address string) string {
		return browsertest.Eval[string](g.Tab, fmt.Sprintf(`game.api(%q).catch(e => e.message)`, address))
	}
	require.Equal(t, "inventory", call(api.origin+"/v1"))
	assert.Equal(t, "Bearer "+browsertest.Eval[string](g.Tab, `game.accessToken()`), api.requests()[0].Get("Authorization"))
	assert.Equal(t, "pk_test", api.requests()[0].Get("x-immutable-publishable-key"))

	assert.Contains(t, call(other.origin+"/v1"), "nowhere else")
	assert.Contains(t, call(api.origin+"/away"), "redirects")
	assert.Empty(t, other.requests())
}
