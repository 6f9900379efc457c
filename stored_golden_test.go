package passport_test

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// update writes the golden file anew. That is right only for forms that no release has
// written yet: a new form is a new file beside the old ones.
var update = flag.Bool("update", false, "write testdata/stored-1.json anew")

const goldenStored = "testdata/stored-1.json"

// stored is all that one version leaves behind for the next: in the store, in browsers,
// and on the way through the provider.
type stored struct {
	Now         int64                `json:"now"` // in Unix seconds
	Records     []storage.Record     `json:"records"`
	Revocations []storage.Revocation `json:"revocations"`

	SignedIn     string `json:"signed_in"`     // cookies
	Finished     string `json:"finished"`      // of a browser that is still to receive the session of its login
	FinishedAt   string `json:"finished_at"`   // the callback of that login
	LoggingIn    string `json:"logging_in"`    // of a browser at the provider
	Authorize    string `json:"authorize"`     // and where it is there
	Stopped      string `json:"stopped"`       // of a login that a logout has stopped
	StoppedAt    string `json:"stopped_at"`    // its callback
	Unfinished   string `json:"unfinished"`    // after a logout that is not known to be complete
	LoggedOut    string `json:"logged_out"`    // after one that is
	RefreshToken string `json:"refresh_token"` // that is still to be revoked
}

// deployment is a program at https://app.example.com with an auth domain that is not the
// one of an earlier run, but goes by the same name.
type deployment struct {
	t     *testing.T
	auth  *passporttest.AuthDomain
	clock *clock
	store *outsideStore
	p     *passport.Passport
	app   http.Handler
}

// outsideStore counts as one outside the process, and knows what it has stored.
type outsideStore struct {
	*memory.Store
	mu  sync.Mutex
	ids map[string]bool
}

func (s *outsideStore) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	s.mu.Lock()
	s.ids[r.ID] = true
	s.mu.Unlock()
	return s.Store.Save(ctx, r)
}

// records returns those that live.
func (s *outsideStore) records(t *testing.T) (live []storage.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.ids {
		if r, err := s.Load(t.Context(), id); err == nil {
			live = append(live, r)
		}
	}
	return live
}

// handlerTransport has requests answered by a handler.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	res := w.Result()
	res.Request = r
	return res, nil
}

func newDeployment(t *testing.T, now time.Time) *deployment {
	d := &deployment{t: t, clock: &clock{now: now}}
	d.auth = passporttest.New(passporttest.Options{Issuer: "https://auth.example.com/", AutoLogin: true, Now: d.clock.Now, Clients: []passporttest.Client{{
		ID: passporttest.ClientID, RedirectURIs: []string{"https://app.example.com/redirect"}, LogoutURLs: []string{"https://app.example.com/"},
	}}})
	d.store = &outsideStore{Store: memory.New(memory.Options{Now: d.clock.Now}), ids: map[string]bool{}}
	d.p = newPassport(t, passport.Config{
		ClientID:          passporttest.ClientID,
		AuthDomain:        "auth.example.com",
		RedirectURI:       "https://app.example.com/redirect",
		LogoutRedirectURI: "https://app.example.com/",
		Store:             d.store,
		EncryptionKeys:    someKey(),
		HTTPClient:        &http.Client{Transport: handlerTransport{d.auth}},
		Now:               d.clock.Now,
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", d.p.Login)
	mux.HandleFunc("GET /redirect", d.p.LoginCallback)
	mux.HandleFunc("POST /logout", d.p.Logout)
	mux.HandleFunc("GET /", who)
	d.app = d.p.Handler(mux)
	return d
}

// request sends one with these cookies, and returns the response with those that the
// browser has then.
func (d *deployment) request(method, target, cookies string) (*http.Response, string) {
	d.t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Cookie", cookies)
	w := httptest.NewRecorder()
	d.app.ServeHTTP(w, r)
	res := w.Result()
	kept := map[string]string{}
	for _, c := range r.Cookies() {
		kept[c.Name] = c.Value
	}
	for _, c := range res.Cookies() {
		if kept[c.Name] = c.Value; c.MaxAge < 0 {
			delete(kept, c.Name)
		}
	}
	var lines []string
	for name, value := range kept {
		lines = append(lines, name+"="+value)
	}
	return res, strings.Join(lines, "; ")
}

// authorize goes through the auth domain, and returns where it sends the browser.
func (d *deployment) authorize(address string) string {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, address, nil)
	require.NoError(d.t, err)
	res, err := handlerTransport{d.auth}.RoundTrip(r)
	require.NoError(d.t, err)
	to := res.Header.Get("Location")
	require.Contains(d.t, to, "https://app.example.com/redirect?")
	return to
}

// login begins one, and returns the browser's cookies and where it is sent.
func (d *deployment) login(cookies string) (now, address string) {
	d.t.Helper()
	res, now := d.request(http.MethodGet, "https://app.example.com/login?return_to=/page", cookies)
	return now, res.Header.Get("Location")
}

func (d *deployment) signedIn() (cookies string) {
	d.t.Helper()
	cookies, address := d.login("")
	_, cookies = d.request(http.MethodGet, d.authorize(address), cookies)
	require.Contains(d.t, cookies, "__Host-passport=")
	return cookies
}

// session is that of a browser.
func (d *deployment) session(cookies string) (*passport.Session, error) {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	r.Header.Set("Cookie", cookies)
	return d.p.Session(d.t.Context(), d.p.BrowserState(r).Session)
}

func writeStored(t *testing.T) {
	d := newDeployment(t, time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	now := stored{Now: d.clock.Now().Unix()}

	now.SignedIn = d.signedIn()
	session, err := d.session(now.SignedIn)
	require.NoError(t, err)
	require.NoError(t, session.SetLabel(t.Context(), "Firefox on a desktop"))
	require.NoError(t, session.SetData(t.Context(), cart{Items: []string{"sword"}}))

	cookies, address := d.login("")
	now.Finished, now.FinishedAt = cookies, d.authorize(address)
	d.request(http.MethodGet, now.FinishedAt, cookies) // whose response gets lost

	now.LoggingIn, now.Authorize = d.login("")

	now.LoggedOut = d.signedIn()
	logout, cookies := d.request(http.MethodPost, "https://app.example.com/logout", now.LoggedOut)
	_, err = d.auth.Await(t.Context(), "/oauth/revoke", 1)
	require.NoError(t, err)
	back := returned(t, logout.Header.Get("Location"))
	r := httptest.NewRequest(http.MethodGet, back, nil)
	r.Header.Set("Cookie", cookies)
	for name, value := range map[string]string{"Site": "cross-site", "Mode": "navigate", "Dest": "document"} {
		r.Header.Set("Sec-Fetch-"+name, value)
	}
	w := httptest.NewRecorder()
	d.app.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		now.LoggedOut = c.Name + "=" + c.Value
	}

	d.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
	cookies = d.signedIn()
	session, err = d.session(cookies)
	require.NoError(t, err)
	for _, token := range d.auth.RefreshTokens(passporttest.Live) {
		if token.SID == session.Info().SID {
			now.RefreshToken = token.Value
		}
	}
	now.Stopped, address = d.login(cookies)
	now.StoppedAt = d.authorize(address)
	_, now.Unfinished = d.request(http.MethodPost, "https://app.example.com/logout", now.Stopped)
	require.NoError(t, d.p.Close(t.Context()))

	now.Records = d.store.records(t)
	d.clock.add(24 * time.Hour)
	now.Revocations, err = d.store.Claim(t.Context(), now.Records[0].Tenant, 10, time.Second)
	require.NoError(t, err)
	require.Len(t, now.Revocations, 1)
	text, err := json.MarshalIndent(now, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(goldenStored, append(text, '\n'), 0o644))
}

// takeOver starts a program on what an earlier version has left.
func takeOver(t *testing.T) (*deployment, stored) {
	text, err := os.ReadFile(goldenStored)
	require.NoError(t, err)
	var left stored
	require.NoError(t, json.Unmarshal(text, &left))
	d := newDeployment(t, time.Unix(left.Now, 0).Add(time.Minute))
	for _, r := range left.Records {
		r.Revision = 0
		_, err := d.store.Save(t.Context(), r)
		require.NoError(t, err)
	}
	for _, r := range left.Revocations {
		_, err := d.store.Enqueue(t.Context(), r.Record, time.Nanosecond)
		require.NoError(t, err)
	}
	d.clock.add(time.Second)
	return d, left
}

func TestWhatTheFirstVersionHasStoredIsReadable(t *testing.T) {
	if *update {
		writeStored(t)
	}
	t.Run("a session", func(t *testing.T) {
		d, left := takeOver(t)
		session, err := d.session(left.SignedIn)
		require.NoError(t, err)
		assert.Equal(t, alice, session.Subject())
		assert.Equal(t, "Firefox on a desktop", session.Info().Label)
		assert.EqualValues(t, left.Now, session.Info().Begun.Unix())
		profile, err := session.Profile(t.Context())
		require.NoError(t, err)
		assert.Equal(t, passporttest.DefaultUser().Email, profile.Email)
		token, err := session.AccessToken(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, strings.Count(token.Reveal(), "."))
		var data cart
		require.NoError(t, session.Data(t.Context(), &data))
		assert.Equal(t, cart{Items: []string{"sword"}}, data)
		listed, err := d.p.Sessions(t.Context(), alice)
		require.NoError(t, err)
		assert.Len(t, listed, 2)

		res, cookies := d.request(http.MethodPost, "https://app.example.com/logout", left.SignedIn)
		assert.Equal(t, http.StatusSeeOther, res.StatusCode)
		assert.NotContains(t, cookies, "__Host-passport=")
		_, err = d.session(left.SignedIn)
		assert.ErrorIs(t, err, passport.ErrNoSession)
	})
	t.Run("a revocation", func(t *testing.T) {
		d, left := takeOver(t)
		_, _ = d.session("") // begins with what is owed
		sent, err := d.auth.Await(t.Context(), "/oauth/revoke", 1)
		require.NoError(t, err)
		assert.Equal(t, left.RefreshToken, sent[0].Form.Get("token"))
	})
	t.Run("a login at the provider", func(t *testing.T) {
		d, left := takeOver(t)
		res, cookies := d.request(http.MethodGet, d.authorize(left.Authorize), left.LoggingIn)
		assert.Equal(t, "/page", res.Header.Get("Location"))
		session, err := d.session(cookies)
		require.NoError(t, err)
		assert.Equal(t, alice, session.Subject())
	})
	t.Run("a login whose response got lost", func(t *testing.T) {
		d, left := takeOver(t)
		res, cookies := d.request(http.MethodGet, left.FinishedAt, left.Finished)
		assert.Equal(t, "/page", res.Header.Get("Location"))
		_, err := d.session(cookies)
		require.NoError(t, err, "it has the session that was begun")
		assert.Empty(t, d.auth.Requests("/oauth/token"))
	})
	t.Run("a login that a logout has stopped", func(t *testing.T) {
		d, left := takeOver(t)
		res, cookies := d.request(http.MethodGet, left.StoppedAt, left.Stopped)
		assert.NotEqual(t, http.StatusSeeOther, res.StatusCode)
		_, err := d.session(cookies)
		assert.ErrorIs(t, err, passport.ErrNoSession)
		assert.Empty(t, d.auth.Requests("/oauth/token"))
	})
	t.Run("a logout", func(t *testing.T) {
		d, left := takeOver(t)
		for name, c := range map[string]struct{ cookies, prompt string }{
			"unfinished": {left.Unfinished, "login"}, "finished": {left.LoggedOut, ""}, "none": {"", ""},
		} {
			_, address := d.login(c.cookies)
			u, err := url.Parse(address)
			require.NoError(t, err)
			assert.Equal(t, c.prompt, u.Query().Get("prompt"), name)
		}
		r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
		r.Header.Set("Cookie", left.LoggedOut)
		assert.True(t, d.p.BrowserState(r).LogoutFinished)
	})
}
