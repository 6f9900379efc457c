package passport_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

// authorizeRequest begins a login in b and returns where it leads.
func (b *browser) authorizeRequest(path string) *url.URL {
	b.s.t.Helper()
	a := b.stay().get(path)
	require.Equal(b.s.t, http.StatusSeeOther, a.StatusCode, a.body)
	u, err := a.Location()
	require.NoError(b.s.t, err)
	return u
}

// callback goes through the auth domain and returns the URL of the callback,
// without visiting it.
func (b *browser) callback(path string) string {
	b.s.t.Helper()
	a := b.stay().get(b.authorizeRequest(path).String())
	require.Equal(b.s.t, http.StatusFound, a.StatusCode, a.body)
	return a.Header.Get("Location")
}

func TestLoginAsksForWhatPassportNeeds(t *testing.T) {
	s := newSite(t)
	u := s.browser().authorizeRequest("/login")
	q := u.Query()
	assert.Equal(t, s.auth.URL+"/authorize", u.Scheme+"://"+u.Host+u.Path)
	assert.Equal(t, "code", q.Get("response_type"))
	assert.Equal(t, passporttest.ClientID, q.Get("client_id"))
	assert.Equal(t, s.server.URL+"/redirect", q.Get("redirect_uri"))
	assert.Equal(t, "openid profile email offline_access transact", q.Get("scope"))
	assert.Equal(t, "platform_api", q.Get("audience"))
	assert.Equal(t, "S256", q.Get("code_challenge_method"))
	assert.Len(t, q.Get("code_challenge"), 43)
	assert.Regexp(t, "^[A-Za-z0-9_-]{43,}$", q.Get("state"), "URL-safe characters alone: some providers return it unencoded")
	assert.Len(t, q.Get("nonce"), 43)
	assert.Empty(t, q.Get("prompt"))
}

func TestLoginPassesItsOptionsOn(t *testing.T) {
	s := newSite(t)
	address, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{
		Prompt: "select_account", Direct: "email", Email: "alice@example.com", MarketingConsent: "opted_in",
	})
	require.NoError(t, err)
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	assert.Equal(t, "select_account", q.Get("prompt"))
	assert.Equal(t, "email", q.Get("direct"))
	assert.Equal(t, "alice@example.com", q.Get("email"))
	assert.Equal(t, "opted_in", q.Get("marketingConsent"))
}

func TestLoginReturnsToALocalPathOnly(t *testing.T) {
	s := newSite(t)
	for to, want := range map[string]string{
		"/page":                     "/page",
		"/page?a=1&b=2":             "/page?a=1&b=2",
		"":                          "/",
		"page":                      "/",
		"//evil.example.com":        "/",
		`/\evil.example.com`:        "/",
		`\\evil.example.com`:        "/",
		"https://evil.example.com/": "/",
		"/\t/evil.example.com":      "/",
		"javascript:alert(1)":       "/",
	} {
		b := s.browser()
		a := b.stay().get(b.callback("/login?" + url.Values{"return_to": {to}}.Encode()))
		assert.Equal(t, want, a.Header.Get("Location"), "return_to=%q", to)
	}
}

func TestACallbackWorksInTheBrowserThatBeganAndNowhereElse(t *testing.T) {
	s := newSite(t)
	victim, attacker := s.browser(), s.browser()
	link := attacker.callback("/login")
	victim.callback("/login") // the victim has a login of its own in progress

	a := victim.get(link)
	assert.Equal(t, http.StatusBadRequest, a.StatusCode)
	assert.Contains(t, a.body, "another browser")
	assert.Equal(t, "nobody", victim.get("/").body, "login CSRF signs nobody in")
}

func TestSeveralTabsSignInAtOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	first, second := b.callback("/login?return_to=/page"), b.callback("/login")
	assert.Equal(t, "/page", b.stay().get(first).Header.Get("Location"))
	assert.Equal(t, "/", b.stay().get(second).Header.Get("Location"))
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
	s.revoked(1) // the session of the first tab was replaced
}

func TestTabsThatBeginBeforeThereIsACookieSignInToo(t *testing.T) {
	s := newSite(t)
	site, err := url.Parse(s.server.URL)
	require.NoError(t, err)
	b := s.browser().stay()
	var callbacks []string
	for _, path := range []string{"/login?return_to=/page", "/login"} {
		begun := record(s.p.Login, "GET", path) // without the cookie of the other
		b.Jar.SetCookies(site, begun.Result().Cookies())
		callbacks = append(callbacks, b.get(begun.Header().Get("Location")).Header.Get("Location"))
	}
	assert.Equal(t, "/page", b.get(callbacks[0]).Header.Get("Location"))
	assert.Equal(t, "/", b.get(callbacks[1]).Header.Get("Location"))
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
}

func TestEachLoginBeginsASessionUnderANewIDAndEndsTheOldOne(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	before := b.cookie("passport")
	b.get("/login")
	after := b.cookie("passport")
	assert.NotEqual(t, before, after)

	_, err := s.p.Session(t.Context(), passport.Secret(before))
	assert.ErrorIs(t, err, passport.ErrNoSession)
	_, err = s.p.Session(t.Context(), passport.Secret(after))
	assert.NoError(t, err)
	assert.Len(t, s.events.named("session.replaced"), 1)
	s.revoked(1)
}

func TestAFailedLoginLeavesTheOldSessionAlone(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: 500})
	assert.Equal(t, http.StatusBadGateway, b.get("/login").StatusCode)
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
}

func TestAnAnswerThatRefusesEndsInAnHonestPage(t *testing.T) {
	s := newSite(t)
	s.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	a := s.browser().get("/login")
	assert.Equal(t, http.StatusForbidden, a.StatusCode)
	assert.Contains(t, a.body, "You are not signed in")
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	assert.Empty(t, s.auth.Requests("/oauth/token"))
}

func TestAnAnswerThatRefusesEndsInTheAppsHook(t *testing.T) {
	var seen error
	s := newSite(t, func(c *passport.Config) {
		c.OnError = func(w http.ResponseWriter, _ *http.Request, status int, err error) {
			seen = err
			w.WriteHeader(status)
		}
	})
	s.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	assert.Equal(t, http.StatusForbidden, s.browser().get("/login").StatusCode)
	var refused *passport.ProviderError
	require.ErrorAs(t, seen, &refused)
	assert.Equal(t, "access_denied", refused.Code)
}

func TestAProvidersWordsAreNotTakenForHTMLOrForACode(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	u := b.authorizeRequest("/login")
	a := b.get("/redirect?" + url.Values{
		"state":             {u.Query().Get("state")},
		"error":             {"<script>alert(1)</script>"},
		"error_description": {"<img src=x onerror=alert(1)>"},
	}.Encode())
	assert.Equal(t, http.StatusBadRequest, a.StatusCode)
	assert.NotContains(t, a.body, "<script>alert")
	assert.NotContains(t, a.body, "<img")

	for _, code := range []string{"call 0800 1234 to be signed in", "a\nline of its own", strings.Repeat("e", 65)} {
		a := b.get("/redirect?" + url.Values{"state": {u.Query().Get("state")}, "error": {code}}.Encode())
		assert.Contains(t, a.body, "reported an error.", "%q is no error code", code)
		assert.NotContains(t, s.log.String(), code)
	}
}

func TestAnIDTokenThatBreaksARuleIsRefusedAndItsRefreshTokenRevoked(t *testing.T) {
	for name, edit := range map[string]func(map[string]any){
		"issuer":     func(c map[string]any) { c["iss"] = "https://evil.example.com/" },
		"audience":   func(c map[string]any) { c["aud"] = "another client" },
		"expired":    func(c map[string]any) { c["exp"] = 1 },
		"nonce":      func(c map[string]any) { c["nonce"] = "another" },
		"no nonce":   func(c map[string]any) { delete(c, "nonce") },
		"no subject": func(c map[string]any) { delete(c, "sub") },
		"at_hash":    func(c map[string]any) { c["at_hash"] = "b2YgYW5vdGhlciB0b2tlbg" },
		"logout token": func(c map[string]any) {
			c["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.auth.Inject(passporttest.Fault{EditClaims: edit})
			b := s.browser()
			assert.Equal(t, http.StatusBadGateway, b.get("/login").StatusCode)
			assert.Equal(t, "nobody", b.get("/").body)
			s.revoked(1)
		})
	}
}

func TestASignatureByAnotherKeyIsRefused(t *testing.T) {
	s := newSite(t)
	other := passporttest.NewServer(passporttest.Options{AutoLogin: true, Issuer: s.auth.URL + "/"})
	t.Cleanup(other.Close)
	forged := ""
	other.Inject(passporttest.Fault{Path: "/oauth/token", EditAnswer: func(a map[string]any) { forged, _ = a["id_token"].(string) }})
	stranger := newSite(t, func(c *passport.Config) { c.AuthDomain, c.Issuer = other.URL, s.auth.URL+"/" })
	stranger.auth = other
	stranger.browser().get("/login")
	require.NotEmpty(t, forged)

	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditAnswer: func(a map[string]any) { a["id_token"] = forged }})
	b := s.browser()
	assert.Equal(t, http.StatusBadGateway, b.get("/login").StatusCode)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestKeysAreCachedAndFollowARotation(t *testing.T) {
	s := newSite(t)
	s.signedIn()
	s.signedIn()
	assert.Len(t, s.auth.Requests("/.well-known/jwks.json"), 1, "cached")
	s.auth.RotateKeys()
	s.signedIn()
	assert.Len(t, s.auth.Requests("/.well-known/jwks.json"), 2, "fetched for the new key")
}

func TestACallbackOfAnotherIssuerIsRefused(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	a := b.get(b.callback("/login") + "&iss=" + url.QueryEscape("https://evil.example.com/"))
	assert.Equal(t, http.StatusBadGateway, a.StatusCode)
	assert.Empty(t, s.auth.Requests("/oauth/token"), "the code goes to nobody")
}

func TestACallbackMustNameItsIssuerWhereTheProviderAlwaysDoes(t *testing.T) {
	s := newSite(t, discovered)
	s.auth.Inject(passporttest.Fault{Path: wellKnown, EditAnswer: func(a map[string]any) {
		a["authorization_response_iss_parameter_supported"] = true
	}})
	b := s.browser()
	callback := b.callback("/login")
	assert.Equal(t, http.StatusBadGateway, b.get(callback).StatusCode)
	assert.Empty(t, s.auth.Requests("/oauth/token"), "the code goes to nobody")

	b.get(callback + "&iss=" + url.QueryEscape(s.auth.URL+"/"))
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
}

func TestALoginThatTheStoreCannotTakeIsA503(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Store = memory.New(memory.Options{Limit: 2}) })
	s.signedIn()
	a := s.browser().get("/login")
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
}

// A user who logs out in one tab is not signed in by another, whose login was just
// being finished.
func TestALogoutStopsALoginThatIsBeingFinished(t *testing.T) {
	for name, before := range map[string]func(*site) *browser{
		"of a user who was signed in": (*site).signedIn,
		"of one who was not":          (*site).browser,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := before(s)
			link := b.callback("/login")
			traded := len(s.auth.Requests("/oauth/token"))
			lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Hang: true})
			tab := make(chan answer, 1)
			go func() { tab <- b.get(link) }()
			_, err := s.auth.Await(t.Context(), "/oauth/token", traded+1)
			require.NoError(t, err)
			b.logout()
			lift()

			a := <-tab
			assert.Equal(t, http.StatusBadRequest, a.StatusCode)
			assert.Contains(t, a.body, "Sign in again")
			assert.Equal(t, "nobody", b.get("/").body)
			assert.Equal(t, http.StatusBadRequest, b.get(link).StatusCode, "nor if the page is loaded again")
			require.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 }, 20*time.Second, time.Millisecond)
			assert.Empty(t, s.auth.Incidents())
			list, err := s.p.Sessions(t.Context(), passporttest.DefaultUser().Subject)
			require.NoError(t, err)
			assert.Empty(t, list)

			assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/login").body, "the next login is another")
		})
	}
}

func TestALogoutLeavesTheLoginsOfOtherBrowsersAlone(t *testing.T) {
	s := newSite(t)
	b, other := s.browser(), s.signedIn()
	link := b.callback("/login")
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Hang: true})
	tab := make(chan answer, 1)
	go func() { tab <- b.get(link) }()
	_, err := s.auth.Await(t.Context(), "/oauth/token", 2)
	require.NoError(t, err)
	other.logout()
	lift()
	assert.Equal(t, passporttest.DefaultUser().Subject, (<-tab).body)
}

// It is nobody's business how many cookies a client makes up.
func TestALogoutAsksTheStoreForAFewLoginsOnly(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	var asked atomic.Int32
	faulty.hook(func(method, _ string) {
		if method == "DeleteMatching" {
			asked.Add(1)
		}
	})
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	for i := range 1000 {
		first := string("abcdefghijklmnopqrstuvwxyz"[i%26])
		r.AddCookie(&http.Cookie{Name: "passport-login-" + first, Value: fmt.Sprintf("%s%042d", first, i)})
	}
	w := httptest.NewRecorder()
	s.p.Logout(w, r)
	assert.Equal(t, http.StatusSeeOther, w.Code)
	assert.LessOrEqual(t, asked.Load(), int32(8))
	assert.Positive(t, asked.Load())
}

func TestASessionThatCannotBeStoredHasItsRefreshTokenRevoked(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.browser()
	link := b.callback("/login")
	faulty.hook(func(method, _ string) {
		if method == "Save" { // the state's; the session's is next
			faulty.fail("Save")
		}
	})
	assert.Equal(t, http.StatusServiceUnavailable, b.get(link).StatusCode)
	s.revoked(1)
}

func TestALoginCarriesParameters(t *testing.T) {
	s := newSite(t)
	address, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{
		MaxAge:       1500 * time.Millisecond,
		ACRValues:    "phr phrh",
		LoginHint:    "alice@example.com",
		ScreenHint:   "signup",
		Organization: "org_1",
		Invitation:   "inv_1",
		Connection:   "google-oauth2",
		Params:       map[string]string{"access_type": "offline", "login_hint": "loses"},
	})
	require.NoError(t, err)
	q := queryOf(t, address)
	for name, want := range map[string]string{
		"max_age": "2", "acr_values": "phr phrh", "login_hint": "alice@example.com", "screen_hint": "signup",
		"organization": "org_1", "invitation": "inv_1", "connection": "google-oauth2", "access_type": "offline",
	} {
		assert.Equal(t, want, q.Get(name), name)
	}
}

func TestALoginRefusesParametersThatItSetsItself(t *testing.T) {
	s := newSite(t)
	for name, o := range map[string]passport.LoginOptions{
		`"state"`: {Params: map[string]string{"state": "x"}},
		`"nonce"`: {Params: map[string]string{"nonce": ""}},
		`""`:      {Params: map[string]string{"": "x"}},
		"MaxAge":  {MaxAge: -1},
	} {
		_, _, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, o)
		assert.ErrorContains(t, err, name)
	}
}

// TestMaxAgeIsHeldAgainstTheIDToken has a provider that asked long ago, or does not
// say when.
func TestMaxAgeIsHeldAgainstTheIDToken(t *testing.T) {
	for name, row := range map[string]struct {
		edit func(c map[string]any)
		ok   bool
	}{
		"just now":           {func(map[string]any) {}, true},
		"within it":          {func(c map[string]any) { c["auth_time"] = issuedAt(c) - 60 }, true},
		"longer ago":         {func(c map[string]any) { c["auth_time"] = issuedAt(c) - 60 - 11 }, false},
		"no word":            {func(c map[string]any) { delete(c, "auth_time") }, false},
		"a word without use": {func(c map[string]any) { c["auth_time"] = 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.mux.HandleFunc("GET /recent-login", func(w http.ResponseWriter, r *http.Request) {
				s.p.StartLogin(w, r, passport.LoginOptions{MaxAge: time.Minute})
			})
			s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: row.edit})
			b := s.browser()
			res := b.get("/recent-login")
			if row.ok {
				assert.Equal(t, alice, res.body)
				return
			}
			assert.Equal(t, http.StatusForbidden, res.StatusCode)
			assert.Empty(t, s.sessions(alice))
			s.revoked(1)
		})
	}
}

func issuedAt(claims map[string]any) int64 {
	switch iat := claims["iat"].(type) {
	case int64:
		return iat
	case float64:
		return int64(iat)
	}
	panic("the claims have no iat")
}
