package passport_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// TestAFailedLoginSaysWhy: the event of each, with a reason to count by, and from where.
func TestAFailedLoginSaysWhy(t *testing.T) {
	deny := func(c *passport.Config, err error) {
		c.OnSignIn = func(context.Context, *passport.SignInAttempt) error { return err }
	}
	var store distant
	for name, row := range map[string]struct {
		edit func(*passport.Config)
		do   func(*site, *browser)
		want passport.LoginFailure
	}{
		"a login of nobody's": {do: func(_ *site, b *browser) { b.get("/redirect?state=x&code=y") }, want: passport.LoginUnknown},
		"the user declines":   {do: back(url.Values{"error": {"access_denied"}}), want: passport.LoginDenied},
		"a user who is blocked at Auth0": {
			do:   back(url.Values{"error": {"unauthorized"}, "error_description": {"user is blocked"}}),
			want: passport.LoginDenied,
		},
		"too long at Keycloak's page": {
			do:   back(url.Values{"error": {"temporarily_unavailable"}, "error_description": {"authentication_expired"}}),
			want: passport.LoginUnknown,
		},
		"nobody is signed in": {do: back(url.Values{"error": {"login_required"}}), want: passport.LoginInteractionRequired},
		"the program refuses": {
			edit: func(c *passport.Config) { deny(c, &passport.SignInRefused{}) },
			do:   login, want: passport.LoginRefused,
		},
		"the program fails": {
			edit: func(c *passport.Config) { deny(c, errors.New("no database")) },
			do:   login, want: passport.LoginProgramFailed,
		},
		"a code that is refused": {do: faulty(passporttest.Fault{Path: "/oauth/token", Status: 403}), want: passport.LoginProviderRefused},
		"a wrong registration":   {do: back(url.Values{"error": {"unauthorized_client"}}), want: passport.LoginProviderRefused},
		"a provider that is down": {
			do: faulty(passporttest.Fault{Path: "/oauth/token", Status: 503}), want: passport.LoginProviderUnavailable,
		},
		"a provider without an answer": {
			do: faulty(passporttest.Fault{Path: "/oauth/token", Cut: true}), want: passport.LoginProviderUnavailable,
		},
		"a provider whose discovery document is away": {edit: discovered, do: faulty(passporttest.Fault{Path: wellKnown, Status: 503}), want: passport.LoginProviderUnavailable},
		"a provider without a discovery document":     {edit: discovered, do: faulty(passporttest.Fault{Path: wellKnown, Status: 404}), want: passport.LoginInvalid},
		"another's ID token": {
			do:   faulty(passporttest.Fault{EditClaims: func(c map[string]any) { c["aud"] = "another" }}),
			want: passport.LoginInvalid,
		},
		"a store that is down": {
			edit: func(c *passport.Config) { storedFarAway(&store)(c) },
			do: func(_ *site, b *browser) {
				store.fail("Save")
				defer store.fail()
				b.get("/login")
			},
			want: passport.LoginStoreUnavailable,
		},
		"a proof that is too old": {
			do: func(s *site, b *browser) {
				s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["auth_time"] = s.clock.Now().Add(-time.Hour).Unix() }})
				b.get("/recent")
			},
			want: passport.LoginNotReauthenticated,
		},
	} {
		t.Run(name, func(t *testing.T) {
			edit := row.edit
			if edit == nil {
				edit = func(*passport.Config) {}
			}
			s := newSite(t, edit)
			s.mux.HandleFunc("GET /recent", func(w http.ResponseWriter, r *http.Request) {
				s.p.StartLogin(w, r, passport.LoginOptions{MaxAge: time.Minute})
			})
			row.do(s, s.browser())
			failed := s.events.named(passport.EventLoginFailed)
			require.Len(t, failed, 1)
			assert.Equal(t, row.want, failed[0].Reason, failed[0].Err)
			assert.Equal(t, "127.0.0.1", failed[0].RemoteAddr)
			assert.Error(t, failed[0].Err)
			assert.EqualValues(t, 1, s.p.Stats().LoginsFailed[row.want])
			assert.Contains(t, s.log.String(), "reason="+string(row.want)+" remote_addr=127.0.0.1")
		})
	}
}

// Who was refused is what an audit log is for.
func TestALoginThatFailsNamesItsUserOnceTheProviderHas(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.OnSignIn = func(context.Context, *passport.SignInAttempt) error { return &passport.SignInRefused{Text: "Not you."} }
	})
	assert.Contains(t, s.browser().get("/login").body, "Not you.")
	d := s.hasty().beginDevice()
	s.enter(d, "allow")
	_, err := s.p.FinishDeviceLogin(t.Context(), d)
	require.ErrorAs(t, err, new(*passport.SignInRefused))
	s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["aud"] = "another" }})
	s.browser().get("/login")

	failed := s.events.named(passport.EventLoginFailed)
	require.Len(t, failed, 3)
	for _, refused := range failed[:2] {
		assert.Equal(t, passport.LoginRefused, refused.Reason)
		assert.Equal(t, passporttest.DefaultUser().Subject, refused.Subject)
		assert.NotEmpty(t, refused.SID)
		assert.Empty(t, refused.Session)
	}
	assert.Equal(t, passport.LoginInvalid, failed[2].Reason)
	assert.Empty(t, failed[2].Subject, "nothing is known by a token that is not valid")
	assert.Empty(t, failed[2].SID)
}

// Providers that refuse a request may leave out the state, so that nobody can be told
// but the log.
func TestAnErrorOfNoLoginIsInTheLogAlone(t *testing.T) {
	s := newSite(t)
	a := s.browser().get("/redirect?error=unauthorized_client&error_description=buy+at+evil.example")
	assert.Equal(t, http.StatusBadRequest, a.StatusCode)
	assert.NotContains(t, a.body, "unauthorized_client")
	assert.NotContains(t, a.body, "evil.example")
	failed := s.events.named(passport.EventLoginFailed)
	require.Len(t, failed, 1)
	assert.ErrorIs(t, failed[0].Err, passport.ErrNoLogin)
	assert.Equal(t, passport.LoginUnknown, failed[0].Reason)
	assert.Contains(t, s.log.String(), "the callback has the error unauthorized_client")
	assert.NotContains(t, s.log.String(), "evil.example")

	s.browser().get("/redirect?error=" + url.QueryEscape("a\nforged=line"))
	assert.NotContains(t, s.log.String(), "forged")
}

// The user's deep link, or the form that they have filled in, is lost otherwise.
func TestALoginThatIsBegunAgainLeadsWhereTheFirstWould(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("/form", s.p.RequireLogin(http.HandlerFunc(who)))
	back := "return_to=" + url.QueryEscape("/page?of=2&tab=b")

	b := s.browser()
	cancelled := url.Values{"error": {"access_denied"}, "state": {b.authorizeRequest("/login?" + back).Query().Get("state")}}
	page := b.get("/redirect?" + cancelled.Encode()).body
	assert.Contains(t, page, `href="/login?`+back+`"`)
	assert.Contains(t, page, `href="/login?prompt=login&amp;`+back+`"`)
	assert.Equal(t, "/page?of=2&tab=b", b.get("/login?"+back).Request.URL.RequestURI())

	down := newSite(t, func(c *passport.Config) { c.Discover, c.AuthDomain, c.Issuer = true, "", "http://127.0.0.1:1" })
	failed := down.browser().get("/login?" + back)
	assert.Equal(t, http.StatusBadGateway, failed.StatusCode)
	assert.Contains(t, failed.body, `href="/login?`+back+`"`)

	post := func(from string) string {
		r := s.browser().request(http.MethodPost, "/form", strings.NewReader("a=b"), "Accept", "text/html", "Referer", from)
		a := s.browser().do(r)
		assert.Equal(t, http.StatusUnauthorized, a.StatusCode)
		return a.body
	}
	assert.Contains(t, post(s.server.URL+"/form?id=1"), `href="/login?return_to=%2Fform%3Fid%3D1"`)
	assert.Contains(t, post("https://evil.example/form?id=1"), `href="/login"`)
	assert.Contains(t, post(""), `href="/login"`)
}

// What a provider's rule says is for its user: "Please verify your e-mail address".
func TestARefusalSaysWhyToItsUser(t *testing.T) {
	s := newSite(t)
	denied := func(b *browser, code, state string) answer {
		query := url.Values{"error": {code}, "error_description": {"Please verify <b>your</b> e-mail"}, "state": {state}}
		return b.get("/redirect?" + query.Encode())
	}
	b := s.browser()
	for _, code := range []string{"access_denied", "unauthorized"} {
		to, err := url.Parse(b.stay().get("/login").Header.Get("Location"))
		require.NoError(t, err)
		a := denied(b, code, to.Query().Get("state"))
		assert.Equal(t, http.StatusForbidden, a.StatusCode)
		assert.Contains(t, a.body, "Please verify &lt;b&gt;your&lt;/b&gt; e-mail")
		assert.Contains(t, a.body, "/login?prompt=login")
		assert.NotContains(t, denied(s.browser(), code, to.Query().Get("state")).body, "verify", "another browser's")
	}
}

func TestAUserWhoTookTooLongAtTheProviderBeginsAgain(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	back(url.Values{"error": {"temporarily_unavailable"}, "error_description": {"authentication_expired"}})(s, b)
	assert.Contains(t, s.log.String(), "status=400")
	assert.NotContains(t, s.log.String(), "status=503")
}

func login(_ *site, b *browser) { b.get("/login") }

func faulty(f passporttest.Fault) func(*site, *browser) {
	return func(s *site, b *browser) {
		s.auth.Inject(f)
		b.get("/login")
	}
}

// back is a login that comes back with these parameters.
func back(query url.Values) func(*site, *browser) {
	return func(s *site, b *browser) {
		to, err := url.Parse(b.stay().get("/login").Header.Get("Location"))
		require.NoError(s.t, err)
		query.Set("state", to.Query().Get("state"))
		b.get("/redirect?" + query.Encode())
	}
}

func TestALoginThatCannotBeginIsAFailedOne(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.Issuer, c.AuthDomain, c.Discover = c.AuthDomain+"/", "", true
	})
	s.auth.Inject(passporttest.Fault{Path: "/.well-known/openid-configuration", Status: 503})
	s.browser().get("/login")
	failed := s.events.named(passport.EventLoginFailed)
	require.Len(t, failed, 1)
	assert.Equal(t, "127.0.0.1", failed[0].RemoteAddr)
}

// Nobody but the program says from where a request came: headers are anybody's.
func TestTheAddressIsTheConnectionsOrTheProgramsWord(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	forged := []string{"X-Forwarded-For", "203.0.113.9", "Forwarded", "for=203.0.113.9", "X-Real-Ip", "203.0.113.9"}
	b.get("/redirect?state=x", forged...)
	b.get("/login", forged...)
	b.logout(forged...)
	for _, e := range s.events.copy() {
		if e.Context != nil {
			assert.Equal(t, "127.0.0.1", e.RemoteAddr, e.Name)
		}
	}
	inner := s.app
	s.app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(passport.WithRemoteAddr(r.Context(), "198.51.100.7\nforged=line")))
	})
	b.get("/redirect?state=x")
	failed := s.events.named(passport.EventLoginFailed)
	assert.Equal(t, "198.51.100.7forged=line", failed[len(failed)-1].RemoteAddr)
}
