//go:build hydra

package optest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHydra is behind a build tag, for Hydra takes long to build: `make hydra`.
func TestHydra(t *testing.T) {
	some := maps.Clone(flows)
	delete(some, "a login by a code") // Hydra v2.3.0 has no device flow
	runAll(t, startHydra(t).provider, some, map[string]func(*testing.T, start){
		"a second logout and an unfinished one name their session": hintedLogouts,
		"a logout without a hint is a dead end":                    hintlessLogout,
		"a user may decline to sign out":                           declinedLogout,
	})
}

// hydra is a process in which Ory Hydra runs, behind a proxy that adds the pages for its
// users. It is for one test at a time.
type hydra struct {
	issuer, admin string
	said          *transcript

	mu             sync.Mutex
	backChannelURI string // of the client
	told           int    // how many logout tokens it was sent
}

// startHydra builds Hydra and starts it with a database in memory. It ends with the
// test.
func startHydra(t *testing.T) *hydra {
	t.Helper()
	var ports [2]string
	for i := range ports {
		ports[i] = freePort(t)
	}
	h := &hydra{said: &transcript{}, admin: "http://127.0.0.1:" + ports[1] + "/admin"}
	front := httptest.NewServer(h.pages(&url.URL{Scheme: "http", Host: "127.0.0.1:" + ports[0]}))
	t.Cleanup(front.Close)
	h.issuer = front.URL
	process := exec.Command(buildHydra(t), "serve", "all", "--dev")
	process.Env = append(os.Environ(),
		"DSN=memory", "SECRETS_SYSTEM=a secret of tests and of no one", "SQA_OPT_OUT=true", "LOG_LEVEL=warn",
		"SERVE_PUBLIC_HOST=127.0.0.1", "SERVE_PUBLIC_PORT="+ports[0], "SERVE_ADMIN_HOST=127.0.0.1", "SERVE_ADMIN_PORT="+ports[1],
		"URLS_SELF_ISSUER="+h.issuer, "URLS_LOGIN="+h.issuer+"/login", "URLS_CONSENT="+h.issuer+"/consent",
		"URLS_LOGOUT="+h.issuer+"/logout", "URLS_POST_LOGOUT_REDIRECT="+h.issuer+"/goodbye", "URLS_ERROR="+h.issuer+"/error",
		"TTL_ACCESS_TOKEN=5m", "OIDC_SUBJECT_IDENTIFIERS_SUPPORTED_TYPES=public",
	)
	process.Stdout, process.Stderr = h.said, h.said
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait() // it was killed
	})
	require.Eventually(t, func() bool {
		res, err := http.Get(h.issuer + "/health/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 2*time.Minute, 50*time.Millisecond, "Hydra does not start")
	return h
}

// buildHydra builds the version in hydra/hydra.mod, which is in no go.mod of ours: its
// dependencies would decide about the versions of ours.
func buildHydra(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for from, to := range map[string]string{"hydra.mod": "go.mod", "hydra.sum": "go.sum"} {
		data, err := os.ReadFile(filepath.Join("hydra", from))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, to), data, 0o600))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-tags", "sqlite,json1", "-o", filepath.Join(dir, "hydra"), "github.com/ory/hydra/v2")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off", "CGO_ENABLED=1")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return filepath.Join(dir, "hydra")
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// provider registers the client with Hydra, which knows a browser again, asks before
// a logout, and sends logout tokens by itself.
func (h *hydra) provider(t *testing.T, c client) provider {
	t.Helper()
	t.Cleanup(func() {
		if said := h.said.take(); t.Failed() {
			t.Logf("Hydra said:\n%s", said)
		}
	})
	h.mu.Lock()
	h.backChannelURI = c.backChannelURI
	h.mu.Unlock()
	registered := map[string]any{
		"client_id":                           clientID,
		"redirect_uris":                       c.redirectURIs,
		"post_logout_redirect_uris":           c.logoutURIs,
		"backchannel_logout_uri":              h.issuer + "/tell",
		"backchannel_logout_session_required": true,
		"grant_types":                         []string{"authorization_code", "refresh_token"},
		"scope":                               "openid profile email offline_access",
		"token_endpoint_auth_method":          "none",
	}
	if c.secret != "" {
		registered["client_secret"] = c.secret
		registered["token_endpoint_auth_method"] = "client_secret_basic"
	}
	if err := h.call(http.MethodDelete, "/clients/"+clientID, nil, nil); err != nil {
		require.ErrorContains(t, err, "404")
	}
	require.NoError(t, h.call(http.MethodPost, "/clients", registered, nil))
	return provider{
		issuer:    h.issuer,
		remembers: true,
		asks:      true,
		signOut: func(b *browser) {
			before := h.tokens()
			done := b.answer(b.open(h.issuer+"/oauth2/sessions/logout"), "logout", "yes")
			assert.Contains(t, done.body, "goodbye")
			require.Eventually(t, func() bool { return h.tokens() > before }, patience, 10*time.Millisecond, "it waits for nobody")
		},
	}
}

// tell passes a logout token on to the client.
func (h *hydra) tell(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	to := h.backChannelURI
	h.mu.Unlock()
	res, err := http.Post(to, r.Header.Get("Content-Type"), r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	w.WriteHeader(res.StatusCode)
	h.mu.Lock()
	h.told++
	h.mu.Unlock()
}

func (h *hydra) tokens() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told
}

// call uses the interface for administrators.
func (h *hydra) call(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, h.admin+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Timeout: patience}).Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, answer)
	}
	if out == nil || res.StatusCode == http.StatusNoContent {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// pages are those that Hydra leaves to the program that uses it, and Hydra's own.
func (h *hydra) pages(public *url.URL) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(public))
	mux.HandleFunc("POST /tell", h.tell)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		var login struct {
			Skip    bool   `json:"skip"`
			Subject string `json:"subject"`
		}
		if !h.asked(w, r, "login", &login) {
			return
		}
		if login.Skip {
			h.decide(w, r, "login", "accept", map[string]any{"subject": login.Subject})
			return
		}
		showForm(w, r, `<input name="login"><input name="password" type="password">`)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("password") != password {
			http.Error(w, "wrong password", http.StatusForbidden)
			return
		}
		h.decide(w, r, "login", "accept", map[string]any{"subject": r.PostFormValue("login"), "remember": true, "remember_for": 3600})
	})
	mux.HandleFunc("GET /consent", func(w http.ResponseWriter, r *http.Request) {
		var consent struct {
			Scopes  []string `json:"requested_scope"`
			Subject string   `json:"subject"`
		}
		if h.asked(w, r, "consent", &consent) {
			claims := map[string]any{"email": consent.Subject + "@example.com"}
			h.decide(w, r, "consent", "accept", map[string]any{"grant_scope": consent.Scopes, "session": map[string]any{"id_token": claims}})
		}
	})
	mux.HandleFunc("GET /logout", func(w http.ResponseWriter, r *http.Request) { showForm(w, r, "") })
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("logout") == "yes" {
			h.decide(w, r, "logout", "accept", nil)
			return
		}
		h.decide(w, r, "logout", "reject", map[string]any{})
	})
	mux.HandleFunc("GET /goodbye", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "goodbye") })
	mux.HandleFunc("GET /error", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.FormValue("error")+" "+r.FormValue("error_description"), http.StatusBadRequest)
	})
	return mux
}

// asked reads what Hydra asks about.
func (h *hydra) asked(w http.ResponseWriter, r *http.Request, what string, request any) bool {
	query := url.Values{what + "_challenge": {r.FormValue(what + "_challenge")}}
	if err := h.call(http.MethodGet, "/oauth2/auth/requests/"+what+"?"+query.Encode(), nil, request); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return false
	}
	return true
}

// decide answers Hydra, and sends the browser on.
func (h *hydra) decide(w http.ResponseWriter, r *http.Request, what, how string, answer any) {
	query := url.Values{what + "_challenge": {r.FormValue(what + "_challenge")}}
	var next struct {
		RedirectTo string `json:"redirect_to"`
	}
	if err := h.call(http.MethodPut, "/oauth2/auth/requests/"+what+"/"+how+"?"+query.Encode(), answer, &next); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if next.RedirectTo == "" {
		_, _ = io.WriteString(w, "still signed in")
		return
	}
	http.Redirect(w, r, next.RedirectTo, http.StatusSeeOther)
}

// showForm asks, and keeps Hydra's challenge.
func showForm(w http.ResponseWriter, r *http.Request, fields string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	for name, values := range r.URL.Query() {
		fields += fmt.Sprintf(`<input type="hidden" name="%s" value="%s">`, html.EscapeString(name), html.EscapeString(values[0]))
	}
	_, _ = fmt.Fprintf(w, `<form method="post" action="%s">%s</form>`, html.EscapeString(r.URL.Path), fields)
}

// A logout that did not get to Hydra can be finished: Hydra refuses a request with a
// way back and without a hint.
func hintedLogouts(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	b.leave(http.MethodPost, s.one.url+"/logout")

	for name, address := range map[string]string{
		"unfinished": b.open(s.one.url + "/unfinished").body,
		"second":     b.leave(http.MethodPost, s.one.url+"/logout"),
	} {
		u, err := url.Parse(address)
		require.NoError(t, err, name)
		assert.NotEmpty(t, u.Query().Get("id_token_hint"), name)
	}
	back := b.answer(b.open(b.open(s.one.url+"/unfinished").body), "logout", "yes")
	assert.Equal(t, s.one.url, origin(back.url), back.body)
	assert.Equal(t, nobody, back.body)
	b.signIn(s.two.url)
	assert.Equal(t, 2, b.asked, "Hydra's session has ended")
}

func hintlessLogout(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	page := b.open(s.one.LogoutURL())
	assert.Equal(t, http.StatusBadRequest, page.status)
	assert.Contains(t, strings.ToLower(page.body), "id_token_hint")
}

// Hydra sends no logout token then, and the next login asks for credentials.
func declinedLogout(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	b := signedIn(t, s.one.url, "alice")
	page := b.answer(b.post(s.one.url+"/logout", nil), "logout", "no")
	assert.Contains(t, page.body, "still signed in")
	tokens, _ := s.one.logoutTokens()
	assert.Empty(t, tokens)
	assert.Equal(t, nobody, b.open(s.one.url+"/").body)
	assert.Equal(t, http.StatusOK, b.open(s.one.url+"/unfinished").status)
	b.signIn(s.one.url)
	assert.Equal(t, 2, b.asked)
}
