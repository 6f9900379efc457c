package passport_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
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

// tell sends a logout token to the site, as the provider does.
func (s *site) tell(token string) passporttest.Delivery {
	s.t.Helper()
	d, err := s.auth.SendLogoutToken(s.t.Context(), s.server.URL+"/backchannel", token)
	require.NoError(s.t, err)
	return d
}

// provided is a site that the provider can tell of logouts.
func provided(t *testing.T, edit ...func(*passport.Config)) *site {
	t.Helper()
	s := newSite(t, edit...)
	s.mux.HandleFunc("/backchannel", s.p.BackChannelLogout)
	s.mux.HandleFunc("/frontchannel", s.p.FrontChannelLogout)
	return s
}

func (b *browser) sid() string { return b.session().Info().SID }

var alice = passporttest.DefaultUser().Subject

func TestABackChannelLogoutEndsTheSessionsOfItsSID(t *testing.T) {
	s := provided(t)
	a, b := s.signedIn(), s.signedIn()
	done := a.session().Done(t.Context())
	d := s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, SID: a.sid()}))
	assert.Equal(t, http.StatusOK, d.Status)
	assert.Equal(t, "no-store", d.Header.Get("Cache-Control"))
	assert.Empty(t, d.Body)
	assert.Equal(t, "nobody", a.get("/").body)
	assert.NotEqual(t, "nobody", b.get("/").body, "sid first")
	waitFor(t, done)
}

func TestABackChannelLogoutWithoutASIDEndsAllOfItsSubject(t *testing.T) {
	s := provided(t)
	a, b := s.signedIn(), s.signedIn()
	assert.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})).Status)
	assert.Equal(t, "nobody", a.get("/").body)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestWhoIsSignedOutAlreadyIsASuccess(t *testing.T) {
	s := provided(t)
	for _, token := range []passporttest.LogoutToken{{Subject: "email|unknown"}, {SID: "unknown+/="}} {
		assert.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(token)).Status)
	}
}

func TestALogoutTokenThatBreaksARuleEndsNothing(t *testing.T) {
	s := provided(t)
	b := s.signedIn()
	sid := b.sid()
	now := s.clock.Now().Unix()
	claim := func(name string, value any) func(_, c map[string]any) {
		return func(_, c map[string]any) {
			if value == nil {
				delete(c, name)
				return
			}
			c[name] = value
		}
	}
	header := func(name string, value any) func(h, _ map[string]any) {
		return func(h, _ map[string]any) { h[name] = value }
	}
	events := func(v any) func(_, c map[string]any) {
		return claim("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": v})
	}
	for name, token := range map[string]passporttest.LogoutToken{
		"no signature":           {Edit: header("alg", "none")},
		"key confusion":          {Edit: header("alg", "HS256")},
		"another key":            {ForeignKey: true},
		"typ of an access token": {Edit: header("typ", "at+jwt")},
		"typ not a string":       {Edit: header("typ", 1)},
		"another issuer":         {Edit: claim("iss", "https://evil.example.com/")},
		"issuer without slash":   {Edit: claim("iss", s.auth.URL)},
		"no issuer":              {Edit: claim("iss", nil)},
		"issuer in capitals":     {Edit: func(_, c map[string]any) { c["ISS"] = c["iss"]; delete(c, "iss") }},
		"another audience":       {Edit: claim("aud", "another")},
		"other audiences":        {Edit: claim("aud", []string{"a", "b"})},
		"no audience":            {Edit: claim("aud", nil)},
		"no iat":                 {Edit: claim("iat", nil)},
		"iat zero":               {Edit: claim("iat", 0)},
		"iat a string":           {Edit: claim("iat", "now")},
		"iat of long ago":        {Edit: claim("iat", now-301)},
		"iat of the future":      {Edit: claim("iat", now+301)},
		"expired":                {Edit: claim("exp", now)},
		"exp far away":           {Edit: claim("exp", now+3601)},
		"exp null":               {Edit: claim("exp", json.RawMessage("null"))},
		"no jti":                 {Edit: claim("jti", nil)},
		"empty jti":              {Edit: claim("jti", "")},
		"jti a number":           {Edit: claim("jti", 7)},
		"no events":              {Edit: claim("events", nil)},
		"events a string":        {Edit: claim("events", "http://schemas.openid.net/event/backchannel-logout")},
		"another event":          {Edit: claim("events", map[string]any{"http://schemas.openid.net/event/other": map[string]any{}})},
		"event null":             {Edit: events(json.RawMessage("null"))},
		"event a string":         {Edit: events("")},
		"event an array":         {Edit: events([]string{})},
		"events in capitals":     {Edit: func(_, c map[string]any) { c["Events"] = c["events"]; delete(c, "events") }},
		"nonce":                  {Edit: claim("nonce", "x")},
		"nonce null":             {Edit: claim("nonce", json.RawMessage("null"))},
		"neither sub nor sid":    {Edit: func(_, c map[string]any) { delete(c, "sub"); delete(c, "sid") }},
		"sub in capitals":        {Edit: func(_, c map[string]any) { delete(c, "sub"); delete(c, "sid"); c["SUB"] = alice }},
		"sid a number":           {Edit: claim("sid", 7)},
	} {
		token.Subject, token.SID = alice, sid
		d := s.tell(s.auth.SignLogoutToken(token))
		assert.Equal(t, http.StatusBadRequest, d.Status, name)
		assert.Equal(t, "no-store", d.Header.Get("Cache-Control"), name)
		assert.Equal(t, "invalid_request", errorOf(t, d.Body), name)
		assert.NotEqual(t, "nobody", b.get("/").body, name)
	}
	id, err := b.session().IDToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, s.tell(id.Reveal()).Status, "an ID token")
	assert.NotEqual(t, "nobody", b.get("/").body)
}

func errorOf(t *testing.T, body string) string {
	t.Helper()
	var v struct {
		Error string `json:"error"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &v), body)
	return v.Error
}

func TestALogoutTokenThatARealProviderSendsIsAccepted(t *testing.T) {
	s := provided(t)
	for name, edit := range map[string]func(h, c map[string]any){
		"typ logout+jwt":             func(h, _ map[string]any) { h["typ"] = "logout+jwt" },
		"typ application/logout+jwt": func(h, _ map[string]any) { h["typ"] = "application/logout+JWT" },
		"no typ":                     func(h, _ map[string]any) { delete(h, "typ") },
		"no exp":                     func(_, c map[string]any) { delete(c, "exp") },
		"aud an array":               func(_, c map[string]any) { c["aud"] = []string{"other", c["aud"].(string)} },
		"short jti":                  func(_, c map[string]any) { c["jti"] = "aB3dE6gH" },
		"unknown claims":             func(_, c map[string]any) { c["toe"], c["x"] = 1, map[string]any{"y": nil} },
		"sub alone":                  func(_, c map[string]any) { delete(c, "sid") },
		"sid alone":                  func(_, c map[string]any) { delete(c, "sub") },
	} {
		b := s.signedIn()
		d := s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, SID: b.sid(), Edit: edit}))
		assert.Equal(t, http.StatusOK, d.Status, "%s: %s", name, s.log)
		assert.Equal(t, "nobody", b.get("/").body, name)
	}
}

func TestStrictLogoutTokens(t *testing.T) {
	s := provided(t, func(c *passport.Config) { c.StrictLogoutTokens = true })
	for name, row := range map[string]struct {
		edit   func(h, c map[string]any)
		status int
	}{
		"as Auth0 sends it": {func(_, _ map[string]any) {}, 400},
		"no exp":            {func(h, c map[string]any) { h["typ"] = "logout+jwt"; delete(c, "exp") }, 400},
		"by the book":       {func(h, _ map[string]any) { h["typ"] = "logout+jwt" }, 200},
	} {
		assert.Equal(t, row.status, s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, Edit: row.edit})).Status, name)
	}
}

func TestALogoutTokenOfAuth0(t *testing.T) {
	raw, err := os.ReadFile("testdata/auth0-logout-token.json")
	require.NoError(t, err)
	var vector struct {
		Token string          `json:"token"`
		JWKS  json.RawMessage `json:"jwks"`
	}
	require.NoError(t, json.Unmarshal(raw, &vector))
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(vector.JWKS) }))
	t.Cleanup(keys.Close)
	p := newPassport(t, passport.Config{
		ClientID:    "ZHTZrfntfPjYZDJiIMB1keb0HHA9AKEv",
		RedirectURI: "https://app.example.com/redirect",
		AuthDomain:  keys.URL,
		Issuer:      "https://dev-1zzve41p1cec7x1j.us.auth0.com/",
		Now:         func() time.Time { return time.Unix(1781724897, 0) },
	})
	_, err = p.EndByLogoutToken(t.Context(), vector.Token)
	assert.NoError(t, err)
}

func TestAReplayedLogoutTokenIsRefusedOnEveryInstance(t *testing.T) {
	store := memory.New(memory.Options{})
	s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	c := s.config()
	c.Store, c.EncryptionKeys = store, someKey()
	other := newPassport(t, c)
	token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
	assert.Equal(t, http.StatusOK, s.tell(token).Status)
	s.clock.add(time.Second)
	b := s.signedIn()
	assert.Equal(t, http.StatusBadRequest, s.tell(token).Status)
	_, err := other.EndByLogoutToken(t.Context(), token)
	assert.Error(t, err)
	assert.NotEqual(t, "nobody", b.get("/").body)
}

func TestOfManyReplaysAtOnceOneCounts(t *testing.T) {
	s := provided(t)
	token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
	var wg sync.WaitGroup
	accepted := make(chan bool, 30)
	for range cap(accepted) {
		wg.Go(func() {
			_, err := s.p.EndByLogoutToken(t.Context(), token)
			accepted <- err == nil
		})
	}
	wg.Wait()
	close(accepted)
	n := 0
	for ok := range accepted {
		if ok {
			n++
		}
	}
	assert.Equal(t, 1, n)
}

func TestALogoutThatFailedMayBeSentAgain(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
	for i, broken := range []string{"Save", "DeleteMatching"} {
		faulty.fail(broken)
		d := s.tell(token)
		assert.Equal(t, http.StatusBadRequest, d.Status, "OpenID Connect Back-Channel Logout 1.0 §2.8")
		assert.Contains(t, d.Body, `"error":"temporarily_unavailable"`, broken)
		assert.Equal(t, i+1, strings.Count(s.log.String(), "level=ERROR msg=\"passport: a back-channel logout failed"), broken)
		faulty.fail()
	}
	assert.Equal(t, http.StatusOK, s.tell(token).Status)
	assert.Equal(t, "nobody", b.get("/").body)
	assert.Contains(t, s.tell(token).Body, `"error":"invalid_request"`, "it was used")
}

// The process is killed, at any call to the store.
func TestALogoutTokenWhoseInstanceStopsMidwayMayBeSentToAnother(t *testing.T) {
	calls := func(s *site, store *faultyStore, token string, stopAt int) (made int, completed bool) {
		store.hook(func(string, string) {
			if made++; made == stopAt {
				runtime.Goexit()
			}
		})
		defer store.hook(nil)
		var attempt sync.WaitGroup
		attempt.Go(func() {
			_, err := s.p.EndByLogoutToken(t.Context(), token)
			completed = assert.NoError(t, err)
		})
		attempt.Wait()
		return made, completed
	}
	for stopAt, completed := 1, false; !completed; stopAt++ {
		require.Less(t, stopAt, 50)
		store := &faultyStore{Store: memory.New(memory.Options{})}
		s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
		c := s.config()
		c.Store, c.EncryptionKeys = store.Store, someKey()
		other := newPassport(t, c)
		b := s.signedIn()
		token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, SID: b.sid()})
		var made int
		if made, completed = calls(s, store, token, stopAt); completed {
			assert.Greater(t, made, 3)
			break
		}
		_, err := other.EndByLogoutToken(t.Context(), token)
		require.NoError(t, err, stopAt)
		assert.Equal(t, "nobody", b.get("/").body, stopAt)
		_, err = other.EndByLogoutToken(t.Context(), token)
		assert.ErrorContains(t, err, "used before", stopAt)
	}
}

// It is the store that fails, so nothing depends on who has the token sent again.
func TestALogoutThatFailedMidwayMayBeSentToAnother(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	c := s.config()
	c.Store, c.EncryptionKeys = faulty.Store, someKey()
	other := newPassport(t, c)
	b := s.signedIn()
	token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
	faulty.fail("DeleteMatching", "DeleteAndEnqueue", "Delete")
	assert.Contains(t, s.tell(token).Body, `"error":"temporarily_unavailable"`)
	_, err := other.EndByLogoutToken(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, "nobody", b.get("/").body)
	faulty.fail()
	assert.Contains(t, s.tell(token).Body, `"error":"invalid_request"`, "it was used")
}

// failsToNote is a store that does not say whether it has noted the use of a logout token.
type failsToNote struct {
	*memory.Store
	notes bool
}

func (f failsToNote) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if r.Kind != storage.KindLogoutToken {
		return f.Store.Save(ctx, r)
	}
	if f.notes {
		_, _ = f.Store.Save(ctx, r)
	}
	return storage.Record{}, errStoreDown
}

// The user is signed out either way, and the provider is told so.
func TestALogoutTokenWhoseUseMayOrMayNotBeNotedHasTakenEffect(t *testing.T) {
	for _, notes := range []bool{false, true} {
		s := provided(t, func(c *passport.Config) {
			c.Store, c.EncryptionKeys = failsToNote{memory.New(memory.Options{}), notes}, someKey()
		})
		b := s.signedIn()
		token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
		assert.Equal(t, http.StatusOK, s.tell(token).Status)
		assert.Equal(t, "nobody", b.get("/").body)
		assert.Contains(t, s.log.String(), "could not be noted")
		assert.Equal(t, map[bool]int{false: http.StatusOK, true: http.StatusBadRequest}[notes], s.tell(token).Status)
	}
}

func TestALogoutTokenThatTookEffectElsewhereStaysUsed(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	c := s.config()
	c.Store, c.EncryptionKeys = faulty.Store, someKey()
	other := newPassport(t, c)
	token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
	faulty.fail("Save")
	faulty.hook(func(method, _ string) {
		if method == "Save" {
			_, err := other.EndByLogoutToken(t.Context(), token)
			assert.NoError(t, err)
		}
	})
	assert.Equal(t, http.StatusBadRequest, s.tell(token).Status)
	faulty.hook(nil)
	faulty.fail()
	_, err := other.EndByLogoutToken(t.Context(), token)
	assert.ErrorContains(t, err, "used before")
}

func TestABackChannelRequestIsAFormWithOneToken(t *testing.T) {
	s := provided(t)
	b := s.browser()
	token := url.QueryEscape(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice}))
	form := "application/x-www-form-urlencoded"
	for name, row := range map[string]struct {
		method, kind, path, body string
		status                   int
	}{
		"GET":                {"GET", "", "/backchannel?logout_token=" + token, "", 405},
		"JSON":               {"POST", "application/json", "/backchannel", `{"logout_token":"x"}`, 400},
		"in the query":       {"POST", form, "/backchannel?logout_token=" + token, "", 400},
		"empty":              {"POST", form, "/backchannel", "", 400},
		"two tokens":         {"POST", form, "/backchannel", "logout_token=" + token + "&logout_token=x", 400},
		"huge":               {"POST", form, "/backchannel", "logout_token=" + strings.Repeat("a", 1<<20), 400},
		"with other members": {"POST", form + "; charset=utf-8", "/backchannel", "a=b&logout_token=" + token + "&c=d", 200},
	} {
		a := b.do(b.request(row.method, row.path, strings.NewReader(row.body), "Content-Type", row.kind))
		assert.Equal(t, row.status, a.StatusCode, name)
		assert.Equal(t, "no-store", a.Header.Get("Cache-Control"), name)
	}
}

func TestALogoutTokenThatComesBeforeTheLoginIsStoredStillWins(t *testing.T) {
	s := provided(t)
	for _, by := range []string{"sub", "sid"} {
		b := s.browser()
		link := b.callback("/login") // signed in at the provider, not here yet
		token := passporttest.LogoutToken{Subject: alice}
		if by == "sid" {
			live := s.auth.Sessions()
			token = passporttest.LogoutToken{SID: live[len(live)-1].SID}
		}
		require.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(token)).Status)
		a := b.get(link)
		assert.Equal(t, http.StatusBadRequest, a.StatusCode, by)
		assert.Equal(t, "nobody", b.get("/").body, by)

		s.clock.add(time.Millisecond)
		b.get("/login")
		assert.NotEqual(t, "nobody", b.get("/").body, "%s: the next login is not blocked", by)
		s.clock.add(time.Hour)
	}
	s.revoked(2)
}

func TestALogoutTokenThatComesWhileTheSessionIsStoredStillWins(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.browser()
	link := b.callback("/login")
	saves := 0
	token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
	faulty.hook(func(method, _ string) {
		if method != "Save" {
			return
		}
		if saves++; saves == 2 { // after the state's entry, the session is about to be stored
			faulty.hook(nil)
			assert.Equal(t, http.StatusOK, s.tell(token).Status)
		}
	})
	assert.Equal(t, http.StatusBadRequest, b.get(link).StatusCode)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestRefreshTokensOutliveAProvidersLogoutUnlessThePolicySaysOtherwise(t *testing.T) {
	s := provided(t)
	s.signedIn()
	s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice}))
	require.NoError(t, s.p.Close(t.Context()))
	assert.Empty(t, s.auth.Requests("/oauth/revoke"))

	s = provided(t, func(c *passport.Config) { c.RevokeOnProviderLogout = true })
	s.signedIn()
	s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice}))
	s.revoked(1)
}

func TestAFloodOfJunkDoesNotReachTheProvider(t *testing.T) {
	s := provided(t)
	b := s.signedIn()
	before := len(s.auth.Requests("/.well-known/jwks.json"))
	for range 200 {
		_, err := s.p.EndByLogoutToken(t.Context(), s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, ForeignKey: true}))
		require.Error(t, err)
	}
	assert.LessOrEqual(t, len(s.auth.Requests("/.well-known/jwks.json"))-before, 4)
	assert.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})).Status, "a good token gets through")
	assert.Equal(t, "nobody", b.get("/").body)
	s.auth.RotateKeys()
	s.clock.add(time.Second)
	s.signedIn() // logins have keys of their own
	s.clock.add(time.Minute)
	assert.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})).Status, "and new keys are fetched")
}

func TestWithoutKeysNoLogoutTokenIsJudged(t *testing.T) {
	s := provided(t)
	token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice})
	lift := s.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Status: http.StatusInternalServerError})
	_, err := s.p.EndByLogoutToken(t.Context(), token)
	assert.ErrorIs(t, err, passport.ErrKeysUnavailable)
	assert.NotContains(t, err.Error(), "not valid")
	assert.Contains(t, s.tell(token).Body, `"error":"temporarily_unavailable"`)
	lift()
	s.clock.add(time.Minute)
	_, err = s.p.EndByLogoutToken(t.Context(), token)
	assert.NoError(t, err, "the provider sends it again")
	_, err = s.p.EndByLogoutToken(t.Context(), "no token")
	assert.NotErrorIs(t, err, passport.ErrKeysUnavailable)
}

func TestALogoutTokenConfirmsASilentLogout(t *testing.T) {
	s := provided(t, silent)
	b := s.signedIn()
	sid := b.sid()
	b.logout("Accept", "application/json")
	iframe := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}
	assert.Contains(t, b.get("/silent-logout", iframe...).body, `data-passport="unconfirmed"`)
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"))

	s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, SID: "another"}))
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"), "another session's")
	s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, SID: sid}))
	assert.Contains(t, b.get("/silent-logout", iframe...).body, `data-passport="done"`)
	assert.Equal(t, "", b.authorizeRequest("/login").Query().Get("prompt"), "the guard is lifted")
	b.get(s.p.LogoutURL()) // what the token was about
	b.get("/login")
	assert.False(t, b.unfinished())
}

func TestASIDThatIsUsedAgainIsNotConfirmedByAnEarlierLogout(t *testing.T) {
	s := provided(t, silent)
	s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["sid"] = "always the same" }})
	s.signedIn()
	s.tell(s.auth.SignLogoutToken(passporttest.LogoutToken{SID: "always the same"}))
	s.clock.add(time.Second)
	b := s.signedIn()
	b.logout("Accept", "application/json")
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"))
}

// TestAFullStoreKeepsNobodySignedInWhomTheProviderHasSignedOut has no room for
// what a logout token is noted in: until the sessions have ended, or at all.
func TestAFullStoreKeepsNobodySignedInWhomTheProviderHasSignedOut(t *testing.T) {
	for name, row := range map[string]struct{ roomAfterwards bool }{"until then": {true}, "at all": {false}} {
		store := &faultyStore{Store: memory.New(memory.Options{})}
		s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
		b := s.signedIn()
		token := s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, SID: b.sid()})
		store.full.Store(true)
		store.hook(func(method, _ string) {
			if method == "DeleteMatching" {
				store.full.Store(!row.roomAfterwards)
			}
		})
		l, err := s.p.EndByLogoutToken(t.Context(), token)
		require.NoError(t, err, name)
		assert.Equal(t, passport.OutcomeDone, l.App, name)
		assert.Equal(t, 1, l.Ended, name)
		assert.Equal(t, "nobody", b.get("/").body, name)

		_, err = s.p.EndByLogoutToken(t.Context(), token)
		if row.roomAfterwards {
			assert.ErrorContains(t, err, "used before", "there was room to note it")
		} else {
			assert.NoError(t, err, "what cannot be remembered cannot be refused, and ends nothing more")
		}
		assert.Equal(t, !row.roomAfterwards, strings.Contains(s.log.String(), "could not be noted"), name)
	}
}

// TestTheLatestOfSeveralLogoutsCounts has an earlier logout arrive after a later
// one, both of them ahead of a login from between.
func TestTheLatestOfSeveralLogoutsCounts(t *testing.T) {
	s := provided(t)
	began := s.clock.Now()
	signedInAt := func(c map[string]any) { c["auth_time"] = began.Add(10 * time.Second).Unix() }
	s.auth.Inject(passporttest.Fault{EditClaims: signedInAt})
	b := s.browser()
	link := b.callback("/login")
	for _, after := range []time.Duration{20 * time.Second, 0} {
		token := passporttest.LogoutToken{Subject: alice, Edit: func(_, c map[string]any) { c["iat"] = began.Add(after).Unix() }}
		require.Equal(t, http.StatusOK, s.tell(s.auth.SignLogoutToken(token)).Status)
	}
	assert.Equal(t, http.StatusBadRequest, b.get(link).StatusCode)
	assert.Equal(t, "nobody", b.get("/").body)
}

// The provider may not send it again.
func TestALogoutTokenIsCarriedOutWhileTheCircuitIsOpen(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	b := s.signedIn()
	session, cookie := b.session(), passport.Secret(b.cookie("passport"))
	store.fail("Load")
	require.Eventually(t, func() bool {
		_, err := s.p.Session(t.Context(), cookie)
		return strings.Contains(err.Error(), "asked again shortly")
	}, 20*time.Second, 10*time.Millisecond)
	store.fail()
	l, err := s.p.EndByLogoutToken(t.Context(), s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: session.Subject()}))
	require.NoError(t, err)
	assert.Equal(t, 1, l.Ended)
}

// Who asked, and for what, is the same for each store and each way to log out.
func TestEventsOfALogoutHaveItsContext(t *testing.T) {
	type key struct{}
	for name, store := range map[string]func() storage.TokenStore{
		"in memory": func() storage.TokenStore { return memory.New(memory.Options{}) },
		"elsewhere": func() storage.TokenStore { return struct{ *memory.Store }{memory.New(memory.Options{})} },
	} {
		for way, logOut := range map[string]func(*site, context.Context, passport.SessionInfo) error{
			"a logout token": func(s *site, ctx context.Context, info passport.SessionInfo) error {
				_, err := s.p.EndByLogoutToken(ctx, s.auth.SignLogoutToken(passporttest.LogoutToken{Subject: info.Subject, SID: info.SID}))
				return err
			},
			"everywhere": func(s *site, ctx context.Context, info passport.SessionInfo) error {
				_, err := s.p.EndSessions(ctx, storage.Match{Subject: info.Subject})
				return err
			},
			"one session": func(s *site, ctx context.Context, info passport.SessionInfo) error {
				_, err := s.p.EndSession(ctx, info.ID)
				return err
			},
		} {
			var mu sync.Mutex
			var events []passport.Event
			s := provided(t, func(c *passport.Config) {
				c.Store = store()
				c.EncryptionKeys = [][]byte{[]byte("a key of exactly thirty-two byte")}
				c.OnEvent = func(e passport.Event) {
					mu.Lock()
					defer mu.Unlock()
					events = append(events, e)
				}
			})
			info := s.signedIn().session().Info()
			mu.Lock()
			events = nil
			mu.Unlock()
			ctx := context.WithValue(passport.WithRemoteAddr(t.Context(), "198.51.100.7"), key{}, "trace")
			require.NoError(t, logOut(s, ctx, info), "%s, %s", name, way)
			mu.Lock()
			assert.NotEmpty(t, events, "%s, %s", name, way)
			for _, e := range events {
				if strings.HasPrefix(string(e.Name), "revocation.") {
					continue // in the background
				}
				assert.Equal(t, "198.51.100.7", e.RemoteAddr, "%s, %s: %s", name, way, e.Name)
				assert.Equal(t, "trace", e.Context.Value(key{}), "%s, %s: %s", name, way, e.Name)
			}
			mu.Unlock()
		}
	}
}
