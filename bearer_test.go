package passport_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// verifies lets a site, and other instances on its store, verify bearer tokens.
func verifies(c *passport.Config) {
	c.BearerTokens, c.EncryptionKeys = true, someKey()
	if c.Store == nil {
		c.Store = memory.New(memory.Options{Now: c.Now})
	}
}

// api answers who is who with the middleware.
func api(p *passport.Passport) http.Handler {
	return p.RequireBearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := passport.BearerFrom(r.Context())
		_, _ = io.WriteString(w, string(b.Kind)+" of "+b.Subject)
	}))
}

func ask(h http.Handler, method string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api", nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func bearing(token passport.Secret) http.Header {
	return http.Header{"Authorization": {"Bearer " + token.Reveal()}}
}

// accepts and refuses ask each instance, by the verb and by the middleware.
func accepts(t *testing.T, token passport.Secret, instances ...*passport.Passport) {
	t.Helper()
	for i, p := range instances {
		_, err := p.VerifyBearer(t.Context(), token)
		assert.NoError(t, err, "instance %d", i)
		assert.Equal(t, http.StatusOK, ask(api(p), http.MethodGet, bearing(token)).Code, "instance %d", i)
	}
}

func refuses(t *testing.T, want error, token passport.Secret, instances ...*passport.Passport) {
	t.Helper()
	for i, p := range instances {
		_, err := p.VerifyBearer(t.Context(), token)
		assert.ErrorIs(t, err, want, "instance %d", i)
		if err != nil {
			assert.NotContains(t, err.Error(), token.Reveal()[:min(len(token), 20)])
		}
		w := ask(api(p), http.MethodGet, bearing(token))
		assert.Equal(t, http.StatusUnauthorized, w.Code, "instance %d", i)
		assert.Contains(t, w.Header().Get("WWW-Authenticate"), `Bearer error="invalid_token", error_description="`)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
}

// holder is a user who has signed in, and the tokens that somebody has copied.
type holder struct {
	*browser
	session    *passport.Session
	id, access passport.Secret
}

func (s *site) holder() holder {
	s.t.Helper()
	h := holder{browser: s.signedIn()}
	h.session = sessionAt(s.t, s, h.cookie("passport"))
	h.copyTokens()
	return h
}

func (h *holder) copyTokens() {
	h.s.t.Helper()
	var err error
	h.access, err = h.session.AccessToken(h.s.t.Context())
	require.NoError(h.s.t, err)
	h.id, err = h.session.IDToken(h.s.t.Context())
	require.NoError(h.s.t, err)
}

func TestABearerSaysWhoseItIsAndWhatItWas(t *testing.T) {
	s := newSite(t, verifies)
	h := s.holder()
	id, err := s.p.VerifyBearer(t.Context(), h.id)
	require.NoError(t, err)
	assert.Equal(t, passport.BearerIDToken, id.Kind)
	assert.Equal(t, alice, id.Subject)
	assert.Equal(t, h.session.Info().SID, id.SID)
	assert.False(t, id.HasScope("openid"))
	var claims struct{ Email string }
	require.NoError(t, id.Claims(&claims))
	assert.Empty(t, claims.Email, "names are exact")

	access, err := s.p.VerifyAuthorization(t.Context(), "bearer "+h.access.Reveal())
	require.NoError(t, err)
	assert.Equal(t, passport.BearerAccessToken, access.Kind)
	assert.Equal(t, alice, access.Subject)
	assert.Empty(t, access.SID)
	assert.True(t, access.HasScope("openid"))
	access.Scopes[0] = "admin"
	again, err := s.p.VerifyBearer(t.Context(), h.access)
	require.NoError(t, err)
	assert.False(t, again.HasScope("admin"), "what is remembered is nobody's to change")
	assert.Equal(t, s.clock.Now().Unix(), access.Issued.Unix())
	assert.Equal(t, "passport.Bearer(access_token of "+alice+")", fmt.Sprintf("%#v", access))
	assert.Equal(t, "access_token of "+alice, ask(api(s.p), http.MethodGet, bearing(h.access)).Body.String())
}

// token signs an access token as Auth0 does, but for edit.
func (s *site) token(edit func(header, claims map[string]any)) passport.Secret {
	return accessToken(s.auth.AuthDomain, s.clock.Now(), edit)
}

func accessToken(auth *passporttest.AuthDomain, now time.Time, edit func(header, claims map[string]any)) passport.Secret {
	return passport.Secret(auth.SignLogoutToken(passporttest.LogoutToken{Subject: alice, Edit: func(header, claims map[string]any) {
		delete(claims, "events")
		claims["aud"], claims["azp"] = "platform_api", passporttest.ClientID
		claims["exp"] = now.Add(time.Hour).Unix()
		edit(header, claims)
	}}))
}

// A response says the provider's time to the second. What a page of the same session was
// given at the beginning of the next one is no newer than the logout that follows.
func TestALogoutEndsTokensOfTheSecondThatTheProviderHasNotTold(t *testing.T) {
	s := newSite(t, verifies)
	s.clock.add(950 * time.Millisecond)
	b := s.signedIn() // the provider says that a second has begun
	sid := b.sid()
	s.clock.add(100 * time.Millisecond)
	copied := s.token(func(_, claims object) { claims["sid"] = sid })
	accepts(t, copied, s.p)
	s.clock.add(50 * time.Millisecond)
	require.Equal(t, http.StatusSeeOther, b.logout().StatusCode)
	refuses(t, passport.ErrBearerSignedOut, copied, s.p)

	s.clock.add(2 * time.Second)
	accepts(t, s.token(func(_, claims object) { claims["sid"] = sid }), s.p)
}

type object = map[string]any

func TestABearerTokenThatBreaksARuleIsRefused(t *testing.T) {
	s := newSite(t, verifies)
	accepts(t, s.token(func(_, _ object) {}), s.p)
	accepts(t, s.token(func(h, c object) { h["typ"] = "at+jwt"; c["client_id"] = passporttest.ClientID; delete(c, "azp") }), s.p)
	now := s.clock.Now()
	for broken, edit := range map[string]func(header, claims object){
		"a logout token":                      func(_, c object) { c["events"] = object{}; c["aud"] = passporttest.ClientID },
		"a logout token by typ":               func(h, _ object) { h["typ"] = "logout+jwt" },
		"another kind":                        func(h, _ object) { h["typ"] = "dpop+jwt" },
		"another issuer":                      func(_, c object) { c["iss"] = "https://evil.example.com/" },
		"another API":                         func(_, c object) { c["aud"] = "other_api" },
		"another client":                      func(_, c object) { c["azp"] = "another" },
		"another client_id":                   func(h, c object) { h["typ"] = "at+jwt"; c["client_id"] = "another" },
		"no client":                           func(_, c object) { delete(c, "azp") },
		"an ID token for another client":      func(_, c object) { c["nonce"] = "n" },
		"an ID token that says at+jwt":        func(h, c object) { h["typ"] = "at+jwt"; c["aud"] = passporttest.ClientID },
		"an ID token with another's azp":      func(_, c object) { c["aud"] = []string{passporttest.ClientID, "other"}; c["azp"] = "other" },
		"no sub":                              func(_, c object) { delete(c, "sub") },
		"no exp":                              func(_, c object) { delete(c, "exp") },
		"no iat":                              func(_, c object) { delete(c, "iat") },
		"iat in the future":                   func(_, c object) { c["iat"] = now.Add(2 * time.Minute).Unix() },
		"expired":                             func(_, c object) { c["exp"] = now.Add(-2 * time.Minute).Unix() },
		"issued longer ago than a mark lives": func(_, c object) { c["iat"] = now.Add(-25 * time.Hour).Unix() },
		"not valid yet":                       func(_, c object) { c["nbf"] = now.Add(2 * time.Minute).Unix() },
		"alg none":                            func(h, _ object) { h["alg"] = "none" },
		"alg HS256":                           func(h, _ object) { h["alg"] = "HS256" },
	} {
		t.Run(broken, func(t *testing.T) { refuses(t, passport.ErrBearerInvalid, s.token(edit), s.p) })
	}
	good := s.token(func(_, _ object) {}).Reveal()
	for broken, token := range map[string]string{
		"another signature": good[:strings.LastIndex(good, ".")+1] + strings.Repeat("A", 342),
		"too long":          strings.Repeat("a", 20_000), "no JWT": "abc",
	} {
		t.Run(broken, func(t *testing.T) { refuses(t, passport.ErrBearerInvalid, passport.Secret(token), s.p) })
	}
}

func TestARequestWithoutATokenIsAnsweredAsRFC6750Says(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }, verifies)
	good := s.token(func(_, _ object) {})
	for name, row := range map[string]struct {
		authorization []string
		status        int
		challenge     string
	}{
		"no header":  {nil, 401, "Bearer"},
		"Basic":      {[]string{"Basic YTpi"}, 401, "Bearer"},
		"no token":   {[]string{"Bearer "}, 400, `Bearer error="invalid_request"`},
		"two tokens": {[]string{"Bearer a b"}, 400, `Bearer error="invalid_request"`},
		"twice":      {[]string{"Bearer " + good.Reveal(), "Bearer " + good.Reveal()}, 400, `Bearer error="invalid_request"`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, h := range []http.Handler{api(s.p), http.HandlerFunc(s.p.BearerLogout)} {
				w := ask(h, http.MethodPost, http.Header{"Authorization": row.authorization})
				assert.Equal(t, row.status, w.Code)
				got := w.Header().Get("WWW-Authenticate")
				assert.True(t, strings.HasPrefix(got, row.challenge), got)
				assert.Equal(t, row.status == 401, got == "Bearer", "RFC 6750 §3.1: no code if there was no token")
			}
			_, err := s.p.VerifyAuthorization(t.Context(), row.authorization...)
			assert.Error(t, err)
		})
	}
	_, err := s.p.VerifyBearer(t.Context(), "")
	assert.ErrorIs(t, err, passport.ErrNoBearer)
	w := ask(api(s.p), http.MethodGet, nil)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	w = ask(http.HandlerFunc(s.p.BearerLogout), http.MethodGet, bearing(good))
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)

	preflight := http.Header{"Origin": {"https://game.example.com"}, "Access-Control-Request-Method": {"GET"}}
	w = ask(api(s.p), http.MethodOptions, preflight)
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Empty(t, w.Body.String(), "nobody gets behind the middleware without a token")
	assert.Equal(t, http.StatusUnauthorized, ask(api(s.p), http.MethodOptions, nil).Code)

	scoped := s.p.RequireBearer(s.p.RequireScope("write", api(s.p)))
	w = ask(scoped, http.MethodGet, bearing(good))
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Equal(t, `Bearer error="insufficient_scope", error_description="the token lacks a scope", scope="write"`, w.Header().Get("WWW-Authenticate"))
	w = ask(s.p.RequireBearer(s.p.RequireScope(`a"b`, api(s.p))), http.MethodGet, bearing(good))
	assert.Equal(t, `Bearer error="insufficient_scope", error_description="the token lacks a scope"`, w.Header().Get("WWW-Authenticate"))
	for _, scopes := range []object{
		{"scope": "read write"}, {"scope": []string{"read", "write"}}, {"scp": "read write"}, {"scp": []string{"read", "write"}},
	} {
		w = ask(scoped, http.MethodGet, bearing(s.token(func(_, c object) { maps.Copy(c, scopes) })))
		assert.Equal(t, http.StatusOK, w.Code, scopes)
	}
	w = ask(scoped, http.MethodGet, bearing(s.token(func(_, c object) { c["scope"], c["scp"] = "read", "write" })))
	assert.Equal(t, http.StatusForbidden, w.Code, "scope is what the specification says")

	store.fail("Load")
	_, err = s.p.VerifyBearer(t.Context(), good)
	assert.ErrorIs(t, err, passport.ErrStoreUnavailable)
	w = ask(api(s.p), http.MethodGet, bearing(good))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
}

func TestWithoutKeysNoTokenIsJudged(t *testing.T) {
	s := newSite(t, verifies)
	good := s.token(func(_, _ object) {})
	lift := s.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Status: http.StatusInternalServerError})
	_, err := s.p.VerifyBearer(t.Context(), good)
	assert.ErrorIs(t, err, passport.ErrKeysUnavailable)
	assert.NotErrorIs(t, err, passport.ErrBearerInvalid)
	assert.Equal(t, http.StatusServiceUnavailable, ask(api(s.p), http.MethodGet, bearing(good)).Code)
	lift()
	s.clock.add(time.Minute)
	accepts(t, good, s.p)
}

// A browser keeps a response with Last-Modified, and finds it by its URL alone: it would show
// it to the next user of the page, or without a token.
func TestNoCacheKeepsWhatABearerTokenHasBroughtUnlessTheProgramSaysSo(t *testing.T) {
	s := newSite(t, verifies)
	good := s.token(func(_, _ object) {})
	serve := func(cache string) http.Header {
		return ask(s.p.RequireBearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if cache != "" {
				w.Header().Set("Cache-Control", cache)
			}
			http.ServeContent(w, r, "inventory.json", time.Now().Add(-240*time.Hour), strings.NewReader("{}"))
		})), http.MethodGet, bearing(good)).Header()
	}
	assert.Equal(t, "no-store", serve("").Get("Cache-Control"))
	assert.Equal(t, "private, max-age=60", serve("private, max-age=60").Get("Cache-Control"))
}

func TestBearerTokensAreRefusedUnlessTheConfigTakesThem(t *testing.T) {
	s := newSite(t)
	h := s.holder()
	_, err := s.p.VerifyBearer(t.Context(), h.id)
	assert.ErrorContains(t, err, "Config.BearerTokens")
	assert.Equal(t, http.StatusInternalServerError, ask(api(s.p), http.MethodGet, bearing(h.id)).Code)
}

// logouts are the ways to end alice's session at the first of two instances, with the
// tokens that she holds.
func logouts() map[string]func(s *site, h holder) {
	post := func(token func(h holder) passport.Secret) func(s *site, h holder) {
		return func(s *site, h holder) {
			w := ask(http.HandlerFunc(s.p.BearerLogout), http.MethodPost, bearing(token(h)))
			require.Equal(s.t, http.StatusNoContent, w.Code)
		}
	}
	end := func(match func(i passport.SessionInfo) storage.Match) func(s *site, h holder) {
		return func(s *site, h holder) {
			_, err := s.p.EndSessions(s.t.Context(), match(h.session.Info()))
			require.NoError(s.t, err)
		}
	}
	tell := func(of func(i passport.SessionInfo) passporttest.LogoutToken) func(s *site, h holder) {
		return func(s *site, h holder) {
			_, err := s.p.EndByLogoutToken(s.t.Context(), s.auth.SignLogoutToken(of(h.session.Info())))
			require.NoError(s.t, err)
		}
	}
	return map[string]func(s *site, h holder){
		"the browser's": func(s *site, h holder) { require.Equal(s.t, http.StatusSeeOther, h.logout().StatusCode) },
		"EndSession": func(s *site, h holder) {
			_, err := s.p.EndSession(s.t.Context(), h.session.ID())
			require.NoError(s.t, err)
		},
		"EndSessions by sub":  end(func(i passport.SessionInfo) storage.Match { return storage.Match{Subject: i.Subject} }),
		"EndSessions by sid":  end(func(i passport.SessionInfo) storage.Match { return storage.Match{SID: i.SID} }),
		"back-channel by sid": tell(func(i passport.SessionInfo) passporttest.LogoutToken { return passporttest.LogoutToken{SID: i.SID} }),
		"back-channel by sub": tell(func(i passport.SessionInfo) passporttest.LogoutToken {
			return passporttest.LogoutToken{Subject: i.Subject}
		}),
		"back-channel by both": tell(func(i passport.SessionInfo) passporttest.LogoutToken {
			return passporttest.LogoutToken{Subject: i.Subject, SID: i.SID}
		}),
		"a POST of the ID token":     post(func(h holder) passport.Secret { return h.id }),
		"a POST of the access token": post(func(h holder) passport.Secret { return h.access }),
	}
}

// The clocks stand still: everything happens within one second.
func TestABearerTokenDiesWithTheLogoutAndTheNextLoginWorksAtOnce(t *testing.T) {
	for name, offset := range map[string]time.Duration{"same clock": 0, "ours ahead": 30 * time.Second, "ours behind": -30 * time.Second} {
		for way, logOut := range logouts() {
			t.Run(name+"/"+way, func(t *testing.T) {
				s := newSite(t, func(c *passport.Config) {
					now := c.Now
					c.Now = func() time.Time { return now().Add(offset) }
				}, verifies)
				second := newPassport(t, s.c)
				h := s.holder()
				accepts(t, h.id, s.p, second)
				accepts(t, h.access, s.p, second)
				logOut(s, h)
				if way != "a POST of the access token" { // which has no sid
					refuses(t, passport.ErrBearerSignedOut, h.id, s.p, second)
				}
				refuses(t, passport.ErrBearerSignedOut, h.access, s.p, second)

				fresh := s.holder()
				accepts(t, fresh.id, s.p, second)
				accepts(t, fresh.access, s.p, second)
				if way != "a POST of the access token" {
					refuses(t, passport.ErrBearerSignedOut, h.id, s.p, second)
				}
				refuses(t, passport.ErrBearerSignedOut, h.access, s.p, second)

				assert.NoError(t, s.p.EndBearer(t.Context(), h.access))
				accepts(t, fresh.access, s.p, second)
			})
		}
	}
}

func TestATokenThatWasRefreshedAfterTheLoginDiesToo(t *testing.T) {
	s := newSite(t, verifies)
	h := s.holder()
	before := h.access
	s.clock.add(25 * time.Hour)
	h.copyTokens()
	require.NotEqual(t, before, h.access)
	accepts(t, h.access, s.p)
	second := newPassport(t, s.c) // which does not know the provider's clock yet
	_, err := second.EndSession(t.Context(), h.session.ID())
	require.NoError(t, err)
	for _, token := range []passport.Secret{h.id, h.access} {
		refuses(t, passport.ErrBearerSignedOut, token, s.p)
	}
	refuses(t, passport.ErrBearerInvalid, before, s.p)
}

func TestALogoutOfOneSessionLeavesTheTokensOfOthersWithASID(t *testing.T) {
	s := newSite(t, verifies)
	a, b := s.holder(), s.holder()
	a.logout()
	refuses(t, passport.ErrBearerSignedOut, a.id, s.p)
	accepts(t, b.id, s.p)
	refuses(t, passport.ErrBearerSignedOut, b.access, s.p) // it could be a's
}

func TestTheSessionThatIsSparedKeepsItsTokens(t *testing.T) {
	s := newSite(t, verifies)
	a, b := s.holder(), s.holder()
	_, err := s.p.EndSessions(t.Context(), storage.Match{Subject: alice, Except: b.session.ID()})
	require.NoError(t, err)
	for _, token := range []passport.Secret{a.id, a.access} {
		refuses(t, passport.ErrBearerSignedOut, token, s.p)
	}
	accepts(t, b.id, s.p)
	accepts(t, b.access, s.p)
	b.logout()
	refuses(t, passport.ErrBearerSignedOut, b.id, s.p)
	refuses(t, passport.ErrBearerSignedOut, b.access, s.p)
}

func TestJunkDoesNotMakeUsFetchKeys(t *testing.T) {
	s := newSite(t, verifies)
	fetched := func() int { return len(s.auth.Requests("/.well-known/jwks.json")) }
	accepts(t, s.token(func(_, _ object) {}), s.p)
	require.Equal(t, 1, fetched())
	for i := range 20 {
		_, err := s.p.VerifyBearer(t.Context(), s.token(func(_, c object) { c["iss"] = fmt.Sprint("https://evil.example.com/", i) }))
		require.ErrorIs(t, err, passport.ErrBearerInvalid)
	}
	assert.Equal(t, 1, fetched())
	for i := range 20 {
		_, err := s.p.VerifyBearer(t.Context(), s.token(func(h, _ object) { h["kid"] = fmt.Sprint("unknown ", i) }))
		require.ErrorIs(t, err, passport.ErrBearerInvalid)
	}
	assert.LessOrEqual(t, fetched(), 5)
	accepts(t, s.token(func(_, _ object) {}), s.p)

	s.auth.RotateKeys()
	s.clock.add(time.Minute)
	accepts(t, s.token(func(_, _ object) {}), s.p)
}

func TestAMarkThatTheStoreCouldNotTakeIsTriedAgain(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }, verifies)
	h := s.holder()
	store.fail("Save")
	l, err := s.p.EndSession(t.Context(), h.session.ID())
	assert.ErrorIs(t, err, passport.ErrStoreUnavailable)
	assert.Equal(t, passport.OutcomeDone, l.App)
	_, err = s.p.VerifyBearer(t.Context(), h.id)
	assert.ErrorIs(t, err, passport.ErrStoreUnavailable, "this instance knows")
	store.fail()
	second := newPassport(t, s.c)
	require.Eventually(t, func() bool {
		_, err := second.VerifyBearer(t.Context(), h.id)
		return errors.Is(err, passport.ErrBearerSignedOut)
	}, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := s.p.VerifyBearer(t.Context(), h.access)
		return errors.Is(err, passport.ErrBearerSignedOut)
	}, 10*time.Second, 10*time.Millisecond)
}

// bubble is an API whose provider is within the process, so that waiting takes no time.
type bubble struct {
	t    *testing.T
	p    *passport.Passport
	auth *passporttest.AuthDomain
	n    int // of tokens
}

func inBubble(t *testing.T, test func(t *testing.T, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, auth: passporttest.New(passporttest.Options{Issuer: "https://auth.example/"})}
		var err error
		b.p, err = passport.New(passport.Config{
			ClientID: passporttest.ClientID, AuthDomain: "https://auth.example", HTTPClient: b.auth.InProcess(), BearerTokens: true,
		})
		require.NoError(t, err)
		defer func() { assert.NoError(t, b.p.Close(t.Context())) }()
		test(t, b)
	})
}

// token signs one that was not sent before.
func (b *bubble) token() passport.Secret {
	b.n++
	return accessToken(b.auth, time.Now(), func(_, c object) { c["n"] = b.n })
}

func (b *bubble) verify(token passport.Secret) error {
	_, err := b.p.VerifyBearer(b.t.Context(), token)
	return err
}

func (b *bubble) fetches() int { return len(b.auth.Requests("/.well-known/jwks.json")) }

// verifyAtOnce has many tokens come at the same time, and counts the errors.
func (b *bubble) verifyAtOnce(n int) map[string]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	errs := map[string]int{}
	for range n {
		token := b.token()
		all.Go(func() {
			err := b.verify(token)
			mu.Lock()
			defer mu.Unlock()
			errs[fmt.Sprint(err)]++
		})
	}
	all.Wait()
	return errs
}

func TestAllTokensThatComeWhileTheKeysAreFetchedWaitForThem(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Delay: time.Second})
		assert.Equal(t, map[string]int{"<nil>": 20}, b.verifyAtOnce(20), "after the start")
		b.auth.RotateKeys()
		assert.Equal(t, map[string]int{"<nil>": 20}, b.verifyAtOnce(20), "after a rotation")
		assert.Equal(t, 2, b.fetches())
	})
}

// The keys that somebody else's token has caused to be fetched may be from just before.
func TestATokenIsNotRefusedForKeysThatWereFetchedBeforeItCame(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Delay: time.Second, Late: true})
		junk := accessToken(b.auth, time.Now(), func(h, _ object) { h["kid"] = "unknown" })
		var both sync.WaitGroup
		both.Go(func() { assert.ErrorIs(t, b.verify(junk), passport.ErrBearerInvalid) })
		synctest.Wait()
		b.auth.RotateKeys()
		newer := b.token()
		both.Go(func() { assert.NoError(t, b.verify(newer)) })
		both.Wait()
	})
}

// Nothing is known of such a token, whoever has used up the fetches.
func TestATokenByAnUnknownKeyIsNotJudgedWhileKeysCannotBeFetched(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		require.NoError(t, b.verify(b.token()))
		b.auth.RotateKeys()
		lift := b.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Status: http.StatusServiceUnavailable})
		for range 10 {
			err := b.verify(b.token())
			require.ErrorIs(t, err, passport.ErrKeysUnavailable)
			require.NotErrorIs(t, err, passport.ErrBearerInvalid)
		}
		lift()
		time.Sleep(15 * time.Second)
		assert.NoError(t, b.verify(b.token()))
	})
}

func TestNobodyWaitsForNewerKeysWhileTheOldOnesDo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		require.NoError(t, b.verify(b.token()))
		lift := b.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Hang: true})
		verifyEachMinute := func(n int) {
			t.Helper()
			for range n {
				time.Sleep(time.Minute)
				began := time.Now()
				require.NoError(t, b.verify(b.token()))
				require.Zero(t, time.Since(began))
			}
		}
		verifyEachMinute(61)
		assert.Greater(t, b.fetches(), 1, "in the background")
		verifyEachMinute(20)
		assert.Greater(t, b.fetches(), 10, "and again")
		lift()
		verifyEachMinute(1)

		old := accessToken(b.auth, time.Now(), func(_, c object) { c["exp"] = time.Now().Add(3 * time.Hour).Unix() })
		b.auth.RotateKeys()
		b.auth.RotateKeys()
		time.Sleep(2 * time.Hour)
		fetched := b.fetches()
		assert.ErrorIs(t, b.verify(old), passport.ErrBearerInvalid, "whoever comes after hours waits, and a key that was withdrawn is forgotten")
		assert.Equal(t, fetched+1, b.fetches())
	})
}

// A refreshed access token may have the iat of a logout, or of a second that the provider
// may have reached by then.
func TestASessionThatALogoutLeavesKeepsTheTokensOfItsNextRefresh(t *testing.T) {
	for name, logOut := range map[string]func(s *site, other, spared holder){
		"the logout of another session": func(_ *site, other, _ holder) { other.logout() },
		"a logout of all others": func(s *site, _, spared holder) {
			_, err := s.p.EndSessions(s.t.Context(), storage.Match{Subject: alice, Except: spared.session.ID()})
			require.NoError(s.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, verifies)
			second := newPassport(t, s.c)
			other, spared := s.holder(), s.holder()
			logOut(s, other, spared)
			copied := s.token(func(_, _ object) {})
			require.NoError(t, spared.session.Refresh(t.Context()))
			spared.copyTokens()
			accepts(t, spared.id, s.p, second)
			accepts(t, spared.access, s.p, second)
			for _, token := range []passport.Secret{other.id, other.access, copied} {
				refuses(t, passport.ErrBearerSignedOut, token, s.p, second)
			}
			spared.logout()
			refuses(t, passport.ErrBearerSignedOut, spared.access, s.p, second)
		})
	}
}

// The tokens of one response may be of different seconds.
func TestAnAccessTokenThatIsOlderThanItsIDTokenIsGoodAfterALogout(t *testing.T) {
	s := newSite(t, verifies)
	s.holder().logout()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) {
		c["iat"] = s.clock.Now().Add(time.Second).Unix()
	}})
	h := s.holder()
	accepts(t, h.id, s.p)
	accepts(t, h.access, s.p)
}

// A mark lives as long as what it ends, although the provider's clock is ahead.
func TestATokenStaysDeadAfterItsMarkHasLivedADay(t *testing.T) {
	const behind = 5 * time.Minute
	s := newSite(t, func(c *passport.Config) {
		now := c.Now
		c.Now = func() time.Time { return now().Add(-behind) }
	}, verifies)
	h := s.holder()
	h.logout()
	life := behind + 24*time.Hour // from the iat, by our clock
	copied := s.token(func(_, c object) { c["exp"] = s.clock.Now().Add(2 * life).Unix() })
	for ago := range 10 {
		s.clock.add(life - time.Duration(ago)*time.Minute - s.clock.Now().Sub(h.issued()))
		_, err := s.p.VerifyBearer(t.Context(), copied)
		require.ErrorIs(t, err, passport.ErrBearerSignedOut, "%d minutes before its end", ago)
	}
}

// issued is the iat of the access token.
func (h holder) issued() time.Time {
	h.s.t.Helper()
	var claims struct{ Iat int64 }
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(h.access.Reveal(), ".")[1])
	require.NoError(h.s.t, err)
	require.NoError(h.s.t, json.Unmarshal(payload, &claims))
	return time.Unix(claims.Iat, 0)
}

// The clock of a provider that has not answered yet may be in the next second.
func TestALogoutBeforeTheProvidersFirstResponseEndsTokensOfTheNextSecond(t *testing.T) {
	s := newSite(t, verifies)
	admin := newPassport(t, s.c) // which only logs out
	copied := s.token(func(_, c object) { c["iat"] = time.Now().Add(time.Second).Unix() })
	accepts(t, copied, s.p)
	_, err := admin.EndSessions(t.Context(), storage.Match{Subject: alice})
	require.NoError(t, err)
	refuses(t, passport.ErrBearerSignedOut, copied, s.p)
}

// Redis is such a store for a while, when its primary has become a replica.
func TestATokenIsNotAcceptedWhileItsSessionWaitsForAStoreThatCanOnlyBeRead(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }, verifies)
	h := s.holder()
	store.fail("Save", "Delete", "DeleteMatching", "DeleteAndEnqueue", "Enqueue")
	l, err := s.p.EndSession(t.Context(), h.session.ID())
	assert.ErrorIs(t, err, passport.ErrStoreUnavailable)
	assert.Equal(t, passport.OutcomeFailed, l.App)
	for _, token := range []passport.Secret{h.id, h.access} {
		_, err = s.p.VerifyBearer(t.Context(), token)
		assert.ErrorIs(t, err, passport.ErrStoreUnavailable)
	}
}

// The browser has forgotten the session, and a copy of its cookie must not do any more.
func TestASessionIsNotServedHereWhileItsLogoutWaitsForTheStore(t *testing.T) {
	for _, config := range []func(*passport.Config){func(*passport.Config) {}, verifies} {
		store := &faultyStore{Store: memory.New(memory.Options{})}
		s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }, config)
		b := s.signedIn()
		cookie := passport.Secret(b.cookie("passport"))
		stream := sessionAt(t, s, cookie.Reveal()).Done(t.Context())
		store.fail("DeleteAndEnqueue")
		_, err := s.p.EndSession(t.Context(), sessionAt(t, s, cookie.Reveal()).ID())
		require.ErrorIs(t, err, passport.ErrStoreUnavailable)
		_, err = s.p.Session(t.Context(), cookie)
		assert.ErrorIs(t, err, passport.ErrNoSession)
		<-stream
		store.fail()
		require.Eventually(t, func() bool { return len(s.events.named(passport.EventLogout)) == 1 }, 10*time.Second, 10*time.Millisecond)
		assert.Empty(t, s.events.named(passport.EventSessionReturned))
		s.revoked(1)
	}
}

// A logout that is tried again ends what had begun when it was asked for.
func TestALoginDuringAnOutageKeepsItsTokensWhenTheLogoutBeforeItIsDone(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }, verifies)
	h := s.holder()
	store.fail("DeleteAndEnqueue")
	store.hook(func(method, id string) { // nor can the session be read, so that the marks wait, too
		store.mu.Lock()
		defer store.mu.Unlock()
		store.failing["Load"] = store.failing["DeleteAndEnqueue"] && id == h.session.ID()
	})
	_, err := s.p.EndSession(t.Context(), h.session.ID())
	require.ErrorIs(t, err, passport.ErrStoreUnavailable)
	s.clock.add(5 * time.Second)
	fresh := s.holder()
	store.hook(nil)
	store.fail()
	require.Eventually(t, func() bool {
		_, err := s.p.VerifyBearer(t.Context(), h.id)
		return errors.Is(err, passport.ErrBearerSignedOut)
	}, 10*time.Second, 10*time.Millisecond)
	refuses(t, passport.ErrBearerSignedOut, h.access, s.p)
	accepts(t, fresh.id, s.p)
	accepts(t, fresh.access, s.p)
}

// lossy is a store whose answers to a logout get lost. With again, its client asks once
// more, as clients of Redis do.
type lossy struct {
	*memory.Store
	lose, again bool
}

func (l *lossy) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	removed, err := l.Store.DeleteAndEnqueue(ctx, id, hold)
	if l.lose && l.again {
		return l.Store.DeleteAndEnqueue(ctx, id, hold)
	}
	if l.lose {
		return storage.Revocation{}, errStoreDown
	}
	return removed, err
}

func TestATokenDiesWithALogoutWhoseAnswerWasLost(t *testing.T) {
	for _, again := range []bool{false, true} {
		store := &lossy{Store: memory.New(memory.Options{}), again: again}
		s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }, verifies)
		h := s.holder()
		store.lose = true
		_, _ = s.p.EndSession(t.Context(), h.session.ID())
		refuses(t, passport.ErrBearerSignedOut, h.id, s.p)
		refuses(t, passport.ErrBearerSignedOut, h.access, s.p)
	}
}

// Programs without bearer tokens pay nothing for them.
func TestALogoutLeavesMarksOnlyForThoseWhoVerifyBearers(t *testing.T) {
	calls := func(edit ...func(*passport.Config)) (n int) {
		store := &faultyStore{Store: memory.New(memory.Options{})}
		s := newSite(t, append(edit, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })...)
		h := s.holder()
		s.clock.add(time.Hour) // past the login
		store.hook(func(string, string) { n++ })
		_, err := s.p.EndSession(t.Context(), h.session.ID())
		require.NoError(t, err)
		store.hook(nil)
		return n
	}
	assert.Equal(t, 1, calls())
	assert.Equal(t, 4, calls(verifies), "a look at the session, a mark for the sid, and one for the user")
}

func TestOneLookUpForATokenWithoutASIDAndTwoForOneWithIt(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() }, verifies)
	h := s.holder()
	for token, want := range map[passport.Secret]int{h.access: 1, h.id: 2} {
		calls := make(chan string, 10)
		store.hook(func(method, _ string) { calls <- method })
		_, err := s.p.VerifyBearer(t.Context(), token)
		require.NoError(t, err)
		assert.Len(t, calls, want)
	}
	store.hook(nil)
}

func TestTenantsDoNotShareMarks(t *testing.T) {
	withNeighbours(t, func(t *testing.T, n *neighbours) {
		shared := func(c *passport.Config) { n.shared(c); verifies(c) }
		a, b := newSite(t, shared), newSite(t, shared)
		atA, atB := a.holder(), b.holder()
		_, err := a.p.EndSessions(t.Context(), storage.Match{Subject: alice})
		require.NoError(t, err)
		refuses(t, passport.ErrBearerSignedOut, atA.access, a.p)
		accepts(t, atB.access, b.p)
		accepts(t, atB.id, b.p)
		refuses(t, passport.ErrBearerInvalid, atB.id, a.p)
	})
}

func TestAnAPIThatOnlyVerifiesNeedsNoRedirectURI(t *testing.T) {
	s := newSite(t, verifies)
	h := s.holder()
	c := s.c
	c.RedirectURI, c.LogoutRedirectURI = "", ""
	p := newPassport(t, c)
	accepts(t, h.id, p)
	_, _, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	assert.ErrorContains(t, err, "Config.RedirectURI")
	assert.Equal(t, http.StatusInternalServerError, record(p.Login, http.MethodGet, "/login").Code)
	_, err = p.EndSessions(t.Context(), storage.Match{Subject: alice})
	require.NoError(t, err)
	refuses(t, passport.ErrBearerSignedOut, h.id, p, s.p)
	c.BearerTokens = false
	_, err = passport.New(c)
	assert.ErrorContains(t, err, "Config.RedirectURI")
}
