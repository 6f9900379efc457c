package optest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/memory"
)

// site is an app in two instances with one store, and its provider, which knows
// the back-channel logout URI of the first.
type site struct {
	t        *testing.T
	provider provider
	store    *memory.Store
	one, two *instance

	token, revocation string // the provider's endpoints
}

// setup is what differs from site to site. The zero value is a public client.
type setup struct {
	config        func(*passport.Config) // changes what an instance is configured with
	secret        string
	configuration map[string]any // of oidc-provider
	registration  map[string]any // of the client there
}

func newSite(t *testing.T, start start, set setup) *site {
	t.Helper()
	s := &site{t: t, store: memory.New(memory.Options{}), one: newInstance(t), two: newInstance(t)}
	c := client{secret: set.secret, configuration: set.configuration, registration: set.registration, backChannelURI: s.one.url + "/back-channel"}
	for _, in := range []*instance{s.one, s.two} {
		c.redirectURIs = append(c.redirectURIs, in.url+"/redirect")
		c.logoutURIs = append(c.logoutURIs, in.url+"/", in.url+"/silent-logout")
	}
	s.provider = start(t, c)
	s.discover()
	s.one.serve(s, set, "one")
	s.two.serve(s, set, "two")
	return s
}

// discover finds the endpoints that the tests themselves use.
func (s *site) discover() {
	s.t.Helper()
	res, err := http.Get(s.provider.issuer + "/.well-known/openid-configuration")
	require.NoError(s.t, err)
	defer res.Body.Close()
	var found struct {
		Token      string `json:"token_endpoint"`
		Revocation string `json:"revocation_endpoint"`
	}
	require.NoError(s.t, json.NewDecoder(res.Body).Decode(&found))
	s.token, s.revocation = found.Token, found.Revocation
}

// ask posts a form to an endpoint of the provider as the public client does.
func (s *site) ask(endpoint string, form url.Values) (status int, answer string) {
	s.t.Helper()
	form.Set("client_id", clientID)
	res, err := http.PostForm(endpoint, form)
	require.NoError(s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res.StatusCode, string(body)
}

// refresh uses a refresh token, as whoever has got hold of it would.
func (s *site) refresh(token string) (status int, answer string) {
	s.t.Helper()
	require.NotEmpty(s.t, token)
	return s.ask(s.token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// instance is one server of the app.
type instance struct {
	*passport.Passport
	t      *testing.T
	url    string
	server *httptest.Server
	wire   *wire
	ahead  atomic.Int64 // of its clock
	asking atomic.Int64 // requests that have asked for an access token

	mu     sync.Mutex
	events []passport.Event
	sent   []string // logout tokens that the provider sent
	status []int    // and how they were answered
}

func newInstance(t *testing.T) *instance {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	return &instance{t: t, server: server, url: "http://" + server.Listener.Addr().String(), wire: &wire{}}
}

// serve starts the instance. Its cookies have names of their own, for browsers
// do not tell ports apart.
func (in *instance) serve(s *site, set setup, name string) {
	in.t.Helper()
	c := passport.Config{
		Discover:          true,
		Issuer:            s.provider.issuer,
		ClientID:          clientID,
		ClientSecret:      passport.Secret(set.secret),
		RedirectURI:       in.url + "/redirect",
		LogoutRedirectURI: in.url + "/",
		Scopes:            []string{"openid", "profile", "email", "offline_access"},
		Store:             s.store,
		EncryptionKeys:    [][]byte{[]byte("a key of exactly thirty-two byte")},
		CookieName:        name,
		HTTPClient:        &http.Client{Transport: in.wire, Timeout: patience},
		OnEvent:           in.note,
		Now:               func() time.Time { return time.Now().Add(time.Duration(in.ahead.Load())) },
	}
	if set.config != nil {
		set.config(&c)
	}
	var err error
	in.Passport, err = passport.New(c)
	require.NoError(in.t, err)
	in.server.Config.Handler = in.pages()
	in.server.Start()
	in.t.Cleanup(func() {
		in.server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(in.t, in.Close(ctx))
	})
}

// patience bounds what should take no time. The machine may be busy.
const patience = 30 * time.Second

func (in *instance) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		in.StartLogin(w, r, passport.LoginOptions{Prompt: r.FormValue("prompt")})
	})
	mux.HandleFunc("GET /redirect", in.LoginCallback)
	mux.HandleFunc("POST /logout", in.Logout)
	mux.Handle("GET /silent-logout", in.LogoutSilentCallback(in.url))
	mux.HandleFunc("POST /back-channel", in.backChannel)
	mux.HandleFunc("GET /unfinished", in.unfinished)
	mux.HandleFunc("GET /token", in.token)
	mux.HandleFunc("GET /stream", stream)
	mux.HandleFunc("GET /{$}", who)
	return in.Handler(mux)
}

// backChannel notes what the provider sends, and how it is answered.
func (in *instance) backChannel(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	in.BackChannelLogout(answer, r)
	in.mu.Lock()
	in.sent = append(in.sent, r.PostFormValue("logout_token"))
	in.status = append(in.status, answer.Code)
	in.mu.Unlock()
	w.WriteHeader(answer.Code)
	_, _ = answer.Body.WriteTo(w)
}

func (in *instance) unfinished(w http.ResponseWriter, r *http.Request) {
	l, unfinished := in.UnfinishedLogout(r.Context(), in.BrowserState(r))
	if !unfinished {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, l.URL)
}

// who says who is signed in.
func who(w http.ResponseWriter, r *http.Request) {
	s := passport.SessionFrom(r.Context())
	if s == nil {
		_, _ = io.WriteString(w, nobody)
		return
	}
	profile, err := s.Profile(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(w, s.Subject()+" "+profile.Email)
}

const nobody = "nobody"

// token needs an access token.
func (in *instance) token(w http.ResponseWriter, r *http.Request) {
	s := passport.SessionFrom(r.Context())
	if s == nil {
		http.Error(w, nobody, http.StatusUnauthorized)
		return
	}
	in.asking.Add(1)
	if _, err := s.AccessToken(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

// stream goes on until the session ends.
func stream(w http.ResponseWriter, r *http.Request) {
	ended := passport.SessionFrom(r.Context()).Done(r.Context())
	_, _ = io.WriteString(w, "begun ")
	_ = http.NewResponseController(w).Flush()
	select {
	case <-ended:
		_, _ = io.WriteString(w, "ended")
	case <-r.Context().Done():
	}
}

func (in *instance) note(e passport.Event) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events = append(in.events, e)
}

// count is how many events of a name there were.
func (in *instance) count(name passport.EventName) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := 0
	for _, e := range in.events {
		if e.Name == name {
			n++
		}
	}
	return n
}

// await waits for an event.
func (in *instance) await(name passport.EventName) {
	in.t.Helper()
	require.Eventually(in.t, func() bool { return in.count(name) > 0 }, patience, 10*time.Millisecond, "there was no %s", name)
}

// logoutTokens are those that the provider sent, and how they were answered.
func (in *instance) logoutTokens() (tokens []string, status []int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]string(nil), in.sent...), append([]int(nil), in.status...)
}

// session is the ID of the session that began last.
func (in *instance) session() string {
	in.t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, e := range slices.Backward(in.events) {
		if e.Name == "login" {
			return e.Session
		}
	}
	require.Fail(in.t, "nobody has signed in")
	return ""
}
