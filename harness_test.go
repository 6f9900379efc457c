package passport_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// site is a program that signs users in, with the auth domain that it uses.
type site struct {
	t      *testing.T
	p      *passport.Passport
	c      passport.Config // of p, for further instances
	auth   *passporttest.Server
	server *httptest.Server
	mux    *http.ServeMux
	app    http.Handler // what is served: mux, behind Handler
	clock  *clock
	events *events
	log    *syncBuffer
}

// newSite starts one on loopback; edit may change its Config before it is built.
func newSite(t *testing.T, edit ...func(*passport.Config)) *site {
	t.Helper()
	s := &site{t: t, clock: newClock(), events: &events{}, log: &syncBuffer{}, mux: http.NewServeMux()}
	s.auth = passporttest.NewServer(passporttest.Options{AutoLogin: true, Now: s.clock.Now})
	t.Cleanup(s.auth.Close)

	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.app.ServeHTTP(w, r) }))
	t.Cleanup(s.server.Close)

	c := s.config()
	for _, f := range edit {
		f(&c)
	}
	s.p, s.c = newPassport(t, c), c
	s.mux.HandleFunc("GET /login", s.p.Login)
	s.mux.HandleFunc("GET /redirect", s.p.LoginCallback)
	s.mux.HandleFunc("/logout", s.p.Logout)
	s.mux.Handle("GET /silent-logout", s.p.LogoutSilentCallback(s.server.URL))
	s.mux.Handle("GET /passport.js", s.p.Script())
	s.mux.HandleFunc("GET /{$}", who)
	s.mux.HandleFunc("GET /page", who)
	s.app = s.p.Handler(s.mux)
	return s
}

func newPassport(t *testing.T, c passport.Config) *passport.Passport {
	t.Helper()
	p, err := passport.New(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.Close(ctx) // a test that cares closes it itself
	})
	return p
}

func (s *site) config() passport.Config {
	return passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        s.auth.URL,
		RedirectURI:       s.server.URL + "/redirect",
		LogoutRedirectURI: s.server.URL + "/",
		Now:               s.clock.Now,
		OnEvent:           s.events.add,
		Logger:            slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// who says who is signed in.
func who(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		_, _ = io.WriteString(w, "nobody")
		return
	}
	_, _ = io.WriteString(w, session.Subject())
}

// browser is a user's browser without a screen: it keeps cookies and follows
// redirects.
type browser struct {
	*http.Client
	s *site
}

// It sends no Fetch Metadata unless the test does, as older browsers do.
func (s *site) browser() *browser {
	client := s.auth.Browser()
	client.Transport = s.auth.Client().Transport
	return &browser{Client: client, s: s}
}

// signedIn returns a browser that has signed in.
func (s *site) signedIn() *browser {
	s.t.Helper()
	b := s.browser()
	require.Equal(s.t, passporttest.DefaultUser().Subject, b.get("/login").body, "signed in")
	return b
}

type answer struct {
	*http.Response
	body string
}

func (b *browser) do(r *http.Request) answer {
	b.s.t.Helper()
	res, err := b.Do(r)
	require.NoError(b.s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.s.t, err)
	return answer{res, string(body)}
}

func (b *browser) request(method, path string, body io.Reader, header ...string) *http.Request {
	b.s.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.s.server.URL + path
	}
	r, err := http.NewRequestWithContext(b.s.t.Context(), method, path, body)
	require.NoError(b.s.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (b *browser) get(path string, header ...string) answer {
	b.s.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil, header...))
}

// stay makes the browser show redirects instead of following them.
func (b *browser) stay() *browser {
	still := *b.Client
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{Client: &still, s: b.s}
}

// logout posts as a form does; header may make it something else.
func (b *browser) logout(header ...string) answer {
	b.s.t.Helper()
	r := b.request(http.MethodPost, "/logout", strings.NewReader(""), header...)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.stay().do(r)
}

// cookies returns those that the browser holds for the site.
func (b *browser) cookies() []*http.Cookie {
	u, err := url.Parse(b.s.server.URL)
	require.NoError(b.s.t, err)
	return b.Jar.Cookies(u)
}

// cookie returns the value of one, or "".
func (b *browser) cookie(name string) string {
	for _, c := range b.cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// unfinished reports whether the browser remembers a logout that is not known to be
// complete.
func (b *browser) unfinished() bool {
	state := b.cookie("passport-logout")
	return state != "" && !strings.HasSuffix(state, ".")
}

func (s *site) json(a answer) map[string]any {
	s.t.Helper()
	var v map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

// revoked waits until n refresh tokens have been revoked.
func (s *site) revoked(n int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return len(s.auth.RefreshTokens(passporttest.Revoked)) == n },
		10*time.Second, time.Millisecond, "%d refresh tokens revoked", n)
}

// awaitRevocations waits until n revocations are done here, too. Every response tells the
// provider's time, so none may be under way when a test moves the clocks.
func (s *site) awaitRevocations(n int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return len(s.events.named(passport.EventRevocationDone)) == n },
		10*time.Second, time.Millisecond, "%d revocations done", n)
}

// clock is moved by the tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now().Truncate(time.Second)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// events keeps what Config.OnEvent was told.
type events struct {
	mu  sync.Mutex
	all []passport.Event
}

func (e *events) add(event passport.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func (e *events) copy() []passport.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

func (e *events) named(name passport.EventName) []passport.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found []passport.Event
	for _, event := range e.all {
		if event.Name == name {
			found = append(found, event)
		}
	}
	return found
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// record calls one handler without a network.
func record(h http.HandlerFunc, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h(w, r)
	return w
}

func someKey() [][]byte { return [][]byte{[]byte("a key of exactly thirty-two byte")} }

// faultyStore is a store whose methods can be made to fail.
type faultyStore struct {
	*memory.Store
	mu      sync.Mutex
	failing map[string]bool
	before  func(method, id string)
	full    atomic.Bool
}

var errStoreDown = errors.New("connection refused")

func (f *faultyStore) fail(methods ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = map[string]bool{}
	for _, m := range methods {
		f.failing[m] = true
	}
}

// hook has before called ahead of every call.
func (f *faultyStore) hook(before func(method, id string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

func (f *faultyStore) check(method, id string) error {
	f.mu.Lock()
	before, failing := f.before, f.failing[method]
	f.mu.Unlock()
	if before != nil {
		before(method, id)
	}
	if failing {
		return errStoreDown
	}
	return nil
}

func (f *faultyStore) Load(ctx context.Context, id string) (storage.Record, error) {
	if err := f.check("Load", id); err != nil {
		return storage.Record{}, err
	}
	return f.Store.Load(ctx, id)
}

func (f *faultyStore) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if err := f.check("Save", r.ID); err != nil {
		return storage.Record{}, err
	}
	if r.Revision == 0 && f.full.Load() {
		return storage.Record{}, storage.ErrFull
	}
	return f.Store.Save(ctx, r)
}

func (f *faultyStore) Delete(ctx context.Context, id string) (storage.Record, error) {
	if err := f.check("Delete", id); err != nil {
		return storage.Record{}, err
	}
	return f.Store.Delete(ctx, id)
}

func (f *faultyStore) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	if err := f.check("DeleteMatching", ""); err != nil {
		return nil, err
	}
	return f.Store.DeleteMatching(ctx, m)
}

func (f *faultyStore) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	if err := f.check("DeleteAndEnqueue", id); err != nil {
		return storage.Revocation{}, err
	}
	return f.Store.DeleteAndEnqueue(ctx, id, hold)
}

func (f *faultyStore) Enqueue(ctx context.Context, r storage.Record, hold time.Duration) (storage.Revocation, error) {
	if err := f.check("Enqueue", r.ID); err != nil {
		return storage.Revocation{}, err
	}
	return f.Store.Enqueue(ctx, r, hold)
}

// untagged takes from a logout URL what ties its return to the browser, so that
// the rest can be compared with Passport.LogoutURL.
func untagged(t *testing.T, raw any) string {
	t.Helper()
	text, _ := raw.(string)
	u, err := url.Parse(text)
	require.NoError(t, err)
	query := u.Query()
	returnTo, tag, tagged := strings.Cut(query.Get("returnTo"), "?passport_logout=")
	if tagged {
		require.Regexp(t, "^[A-Za-z0-9_-]{51}$", tag)
		query.Set("returnTo", returnTo)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// returned is the address at which a logout brings the browser back.
func returned(t *testing.T, logoutURL any) string {
	t.Helper()
	text, _ := logoutURL.(string)
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u.Query().Get("returnTo")
}
