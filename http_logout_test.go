package passport_test

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func TestAFetchGetsJSON(t *testing.T) {
	s := newSite(t, silent)
	a := s.signedIn().logout("Accept", "application/json", "Sec-Fetch-Site", "same-origin")
	assert.Equal(t, http.StatusOK, a.StatusCode)
	assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	v := s.json(a)
	v["url"] = untagged(t, v["url"])
	assert.Equal(t, map[string]any{
		"mode": "silent", "url": s.p.LogoutURL(), "callback": s.server.URL, "timeout": 10_000.0, "fallback": "redirect",
		"app": "done", "revocation": "pending", "passport": "pending",
	}, v)
}

func TestAFetchInRedirectModeGetsTheURLAlone(t *testing.T) {
	s := newSite(t)
	v := s.json(s.signedIn().logout("Accept", "application/json"))
	v["url"] = untagged(t, v["url"])
	assert.Equal(t, map[string]any{
		"mode": "redirect", "url": s.p.LogoutURL(), "app": "done", "revocation": "pending", "passport": "pending",
	}, v)
	v = s.json(s.signedIn().logout("Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin"))
	assert.Equal(t, "done", v["app"], "a fetch that does not say what it accepts")
}

func TestHTMXGetsARedirectItFollows(t *testing.T) {
	for name, edit := range map[string]func(*passport.Config){"redirect": func(*passport.Config) {}, "silent": silent} {
		s := newSite(t, edit)
		a := s.signedIn().logout("HX-Request", "true", "Accept", "*/*")
		assert.Equal(t, http.StatusOK, a.StatusCode, name)
		assert.Equal(t, s.p.LogoutURL(), untagged(t, a.Header.Get("HX-Redirect")), name)
	}
}

func TestAFormInSilentModeGetsAPageThatDoesTheRest(t *testing.T) {
	s := newSite(t, silent)
	b := s.signedIn()
	r := b.request(http.MethodPost, "/logout", strings.NewReader("return_to=%2Fpage"), "Content-Type", "application/x-www-form-urlencoded")
	a := b.stay().do(r)
	assert.Equal(t, http.StatusOK, a.StatusCode)
	assert.Contains(t, a.Header.Get("Content-Security-Policy"), "frame-src "+s.auth.URL)
	assert.Contains(t, a.body, `"returnTo":"/page"`)
	assert.Contains(t, a.body, "<noscript><meta http-equiv=\"refresh\"")
}

func TestAFormGoesBackToALocalPathOnly(t *testing.T) {
	for to, want := range map[string]string{
		"/page":                    `"returnTo":"/page"`,
		"https://evil.example.com": `"returnTo":"/"`,
		"//evil.example.com":       `"returnTo":"/"`,
		`/\evil.example.com`:       `"returnTo":"/"`,
	} {
		s := newSite(t, silent)
		b := s.browser()
		r := b.request(http.MethodPost, "/logout", strings.NewReader(url.Values{"return_to": {to}}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
		assert.Contains(t, b.stay().do(r).body, want, to)
	}
}

func TestAFormWithoutAReturnGoesBackToItsPage(t *testing.T) {
	s := newSite(t, silent)
	for referer, want := range map[string]string{
		s.server.URL + "/page?a=1":          `"returnTo":"/page?a=1"`,
		s.server.URL + "/logout":            `"returnTo":"/"`,
		"https://evil.example.com/page":     `"returnTo":"/"`,
		s.server.URL + "//evil.example.com": `"returnTo":"/"`,
	} {
		assert.Contains(t, s.browser().logout("Referer", referer).body, want, referer)
	}
}

func TestNobodyElseLogsYouOut(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	for name, row := range map[string]struct {
		method string
		header []string
		status int
	}{
		"form of another site":       {"POST", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"form of a sister site":      {"POST", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		"form of an older browser":   {"POST", []string{"Origin", "https://evil.example.com"}, http.StatusForbidden},
		"form of a sandboxed page":   {"POST", []string{"Origin", "null"}, http.StatusForbidden},
		"link":                       {"GET", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, http.StatusMethodNotAllowed},
		"head":                       {"HEAD", nil, http.StatusMethodNotAllowed},
		"prefetch":                   {"GET", []string{"Sec-Purpose", "prefetch"}, http.StatusServiceUnavailable},
		"prefetch of an old browser": {"POST", []string{"X-Moz", "prefetch"}, http.StatusServiceUnavailable},
	} {
		a := b.stay().do(b.request(row.method, "/logout", nil, row.header...))
		assert.Equal(t, row.status, a.StatusCode, name)
		assert.NotEqual(t, "nobody", b.get("/").body, name)
	}
	assert.NotEmpty(t, b.cookie("passport"))
	assert.Empty(t, b.cookie("passport-logout"))
	assert.Equal(t, "POST", b.stay().get("/logout").Header.Get("Allow"))
}

func TestALogoutByGETIsOptedInToAndTakesTheBrowsersWord(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.LogoutByGET = true })
	b := s.signedIn()
	navigation := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for name, header := range map[string][]string{
		"no word":            nil,
		"link elsewhere":     append([]string{"Sec-Fetch-Site", "cross-site"}, navigation...),
		"link of a sister":   append([]string{"Sec-Fetch-Site", "same-site"}, navigation...),
		"image":              {"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		"iframe":             {"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"},
		"prefetch of a link": append([]string{"Sec-Fetch-Site", "same-origin", "Sec-Purpose", "prefetch"}, navigation...),
	} {
		a := b.stay().get("/logout", header...)
		assert.GreaterOrEqual(t, a.StatusCode, 400, name)
		assert.NotEqual(t, "nobody", b.get("/").body, name)
	}
	for _, site := range []string{"same-origin", "none"} {
		b := s.signedIn()
		a := b.stay().get("/logout", append([]string{"Sec-Fetch-Site", site}, navigation...)...)
		assert.Equal(t, http.StatusSeeOther, a.StatusCode, site)
		assert.Equal(t, "nobody", b.get("/").body, site)
	}
}

func TestTheCallbackPageIsFramableByTheParentAlone(t *testing.T) {
	s := newSite(t, silent)
	h := s.p.LogoutSilentCallback("http://app.localhost:3000/game?x=1")
	w := record(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Frame-Options", "DENY") // as outer middleware does
		h.ServeHTTP(w, r)
	}, "GET", "/silent-logout")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, w.Header().Get("X-Frame-Options"))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors http://app.localhost:3000")
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
}

func TestASilentLogoutIsDoneOnlyIfTheBrowserSaysSo(t *testing.T) {
	s := newSite(t, silent)
	for name, row := range map[string]struct {
		header []string
		want   string
	}{
		"same site":                        {[]string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, "done"},
		"cross-site":                       {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, "unconfirmed"},
		"no word":                          {nil, "unconfirmed"},
		"never left this origin":           {[]string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, "unconfirmed"},
		"a fetch":                          {[]string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, "unconfirmed"},
		"at top level, by redirect":        {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, "done"},
		"at top level, by the address bar": {[]string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, "unconfirmed"},
	} {
		b := s.signedIn()
		back := returned(t, s.json(b.logout("Accept", "application/json"))["url"])
		a := b.get(back, row.header...)
		assert.Contains(t, a.body, `data-passport="`+row.want+`"`, name)
		assert.NotContains(t, a.body, "data-pass=", "%s: no other program has to know", name)
		assert.Contains(t, b.get("/silent-logout?passport_logout=of-another-program", row.header...).body, `data-pass="passport_logout"`, name)
		assert.Equal(t, row.want == "unconfirmed", b.unfinished(), "%s: the browser remembers what is not known to be done", name)
	}
}

func TestLogoutSilentCallbackPanicsOnAParentThatIsNoURL(t *testing.T) {
	s := newSite(t, silent)
	for _, parent := range []string{"", "/", "*", "localhost:3000", "javascript:alert(1)", "http://app.example.com", "https://a.example.com https://b.example.com"} {
		func() {
			defer func() { assert.Contains(t, recover(), "pass the URL of the page", parent) }()
			s.p.LogoutSilentCallback(parent)
		}()
	}
}

func TestAfterALogoutThatIsNotKnownToBeDoneTheNextLoginAsksForCredentials(t *testing.T) {
	s := newSite(t, silent)
	b := s.signedIn()
	b.logout("Accept", "application/json")
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"))
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"), "a login that was begun and left is no login")
	assert.Equal(t, "", s.browser().authorizeRequest("/login").Query().Get("prompt"), "another browser's")

	s.clock.add(3 * time.Second)
	b.get("/login")
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
	assert.Equal(t, "", b.authorizeRequest("/login").Query().Get("prompt"), "once")
}

func TestALoginBegunBeforeTheLogoutDoesNotEndAfterIt(t *testing.T) {
	s := newSite(t, silent)
	b := s.signedIn()
	link := b.callback("/login") // another tab's, which did not ask for credentials
	b.logout("Accept", "application/json")
	assert.Equal(t, http.StatusBadRequest, b.stay().get(link).StatusCode)
	assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"))
}

func TestAnAppCannotBeTalkedOutOfAskingForCredentials(t *testing.T) {
	s := newSite(t, silent)
	s.mux.HandleFunc("GET /as", func(w http.ResponseWriter, r *http.Request) {
		s.p.StartLogin(w, r, passport.LoginOptions{Prompt: r.FormValue("prompt")})
	})
	for prompt, want := range map[string]string{
		"":                       "login",
		"login":                  "login",
		"consent":                "login consent",
		"consent login":          "consent login",
		"select_account consent": "login select_account consent",
	} {
		b := s.signedIn()
		as := "/as?" + url.Values{"prompt": {prompt}}.Encode()
		assert.Equal(t, prompt, b.authorizeRequest(as).Query().Get("prompt"))
		b.logout("Accept", "application/json")
		assert.Equal(t, want, b.authorizeRequest(as).Query().Get("prompt"), "prompt=%q", prompt)

		s.clock.add(3 * time.Second)
		b.get(as)
		assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body, "prompt=%q", prompt)
		assert.Equal(t, "", b.authorizeRequest("/login").Query().Get("prompt"), "prompt=%q: asked once", prompt)
	}
}

func TestTheReturnFromARedirectCompletesTheLogout(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	back := returned(t, b.logout().Header.Get("Location"))
	other := returned(t, s.signedIn().logout().Header.Get("Location"))
	top := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	away := append([]string{"Sec-Fetch-Site", "cross-site"}, top...)
	for why, visit := range map[string]func(){
		"the address bar":             func() { b.get(back, append([]string{"Sec-Fetch-Site", "none"}, top...)...) },
		"a link on this site":         func() { b.get(back, append([]string{"Sec-Fetch-Site", "same-origin"}, top...)...) },
		"a link elsewhere":            func() { b.get("/", away...) },
		"a link to another page":      func() { b.get(strings.Replace(back, "/?", "/page?", 1), away...) },
		"the return of another's":     func() { b.get(other, away...) },
		"a browser that says nothing": func() { b.get(back) },
	} {
		visit()
		assert.Equal(t, "login", b.authorizeRequest("/login").Query().Get("prompt"), "%s proves nothing", why)
	}
	assert.Empty(t, s.events.named("passport.done"))

	a := b.get(back, away...)
	assert.Equal(t, s.server.URL+"/", a.Request.URL.String(), "the user sees a tidy address")
	assert.Equal(t, "", b.authorizeRequest("/login").Query().Get("prompt"))
	assert.Len(t, s.events.named("passport.done"), 1)
}

func TestAnUnfinishedLogoutCanBeOffered(t *testing.T) {
	s := newSite(t, silent)
	var l passport.Logout
	var unfinished bool
	s.mux.HandleFunc("GET /ask", func(_ http.ResponseWriter, r *http.Request) {
		l, unfinished = s.p.UnfinishedLogout(r.Context(), s.p.BrowserState(r))
	})
	b := s.signedIn()
	b.get("/ask")
	assert.False(t, unfinished)
	b.logout("Accept", "application/json")
	b.get("/ask")
	require.True(t, unfinished)
	assert.Equal(t, passport.OutcomeUnconfirmed, l.Passport)
	assert.Equal(t, s.p.LogoutURL(), untagged(t, l.URL))
}

func TestDeletingTheCookieRepeatsEveryAttribute(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	set := b.stay().get(b.callback("/login")).Header.Values("Set-Cookie")[0]
	var removed string
	for _, line := range b.logout().Header.Values("Set-Cookie") {
		if strings.HasPrefix(line, "passport=;") {
			removed = line
		}
	}
	attributes := func(line string) (rest []string) {
		for _, part := range strings.Split(line, "; ")[1:] {
			if !strings.HasPrefix(part, "Max-Age=") {
				rest = append(rest, part)
			}
		}
		return rest
	}
	assert.Contains(t, removed, "Max-Age=0")
	assert.Equal(t, attributes(set), attributes(removed))
}

func TestNoSecretReachesALogALogoutOrAURL(t *testing.T) {
	s := newSite(t, silent)
	b := s.signedIn()
	refresh := s.auth.RefreshTokens()[0].Value
	secrets := []string{refresh}
	for _, cookie := range b.cookies() {
		if strings.HasPrefix(cookie.Name, "passport") { // and not the auth domain's
			secrets = append(secrets, cookie.Value)
		}
	}
	require.Len(t, secrets, 3, "the session's cookie, and the login's")
	session := b.session()
	for _, get := range []func() (passport.Secret, error){
		func() (passport.Secret, error) { return session.IDToken(t.Context()) },
		func() (passport.Secret, error) { return session.AccessToken(t.Context()) },
	} {
		token, err := get()
		require.NoError(t, err)
		secrets = append(secrets, token.Reveal())
	}
	for _, r := range s.auth.Requests("/oauth/token") {
		secrets = append(secrets, r.Form.Get("code"), r.Form.Get("code_verifier"))
	}
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: 500, Body: refresh})
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 500, Body: refresh})
	b.get("/login")
	page := b.logout()
	assert.Error(t, s.p.Close(t.Context()), "a token could not be revoked, and says so")
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		assert.NotContains(t, s.log.String(), secret)
		assert.NotContains(t, page.body, secret)
		assert.NotContains(t, page.Header.Get("Location"), secret)
		assert.NotContains(t, s.p.LogoutURL(), secret)
	}
	assert.NotEmpty(t, s.log.String())
}

// TestALogoutBehindAProxyThatRewritesHost comes from the program's own origin, which
// only RedirectURI still tells.
func TestALogoutBehindAProxyThatRewritesHost(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.RedirectURI = "https://app.example.com/redirect" })
	for origin, status := range map[string]int{
		"https://app.example.com":      http.StatusOK,
		"https://evil.example.com":     http.StatusForbidden,
		"http://app.example.com":       http.StatusForbidden,
		"https://app.example.com:8443": http.StatusForbidden,
	} {
		res := record(s.p.Logout, "POST", "/logout", "Origin", origin, "Accept", "application/json")
		assert.Equal(t, status, res.Code, origin)
	}
}

// A hook that notes logouts down must not be what keeps one from its end. In a goroutine of
// this package, it would take the program with it.
func TestAPanicInOnEventStopsNoLogout(t *testing.T) {
	for name, logger := range map[string]bool{"with a Logger": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			before := slog.Default()
			t.Cleanup(func() {
				slog.SetDefault(before)
				log.SetOutput(os.Stderr) // which SetDefault has changed, too
				log.SetFlags(log.LstdFlags)
			})
			s := newSite(t, func(c *passport.Config) {
				c.OnEvent = func(passport.Event) { panic("no database") }
				if !logger {
					slog.SetDefault(c.Logger)
					c.Logger = nil
				}
			})
			b := s.signedIn()
			a := b.logout()
			assert.Equal(t, http.StatusSeeOther, a.StatusCode)
			assert.Contains(t, a.Header.Get("Location"), "/v2/logout?")
			assert.Empty(t, b.cookie("passport"))
			s.revoked(1)
			for _, event := range []passport.EventName{passport.EventLogin, passport.EventLogout} {
				assert.Contains(t, s.log.String(), `Config.OnEvent panicked" event=`+string(event)+` panic="no database" stack=`)
			}
		})
	}
}

func TestAPanicInTraceStopsNoLogout(t *testing.T) {
	for name, trace := range map[string]func(context.Context, passport.Operation) passport.Span{
		"at the beginning": func(context.Context, passport.Operation) passport.Span { panic("no collector") },
		"in the context": func(context.Context, passport.Operation) passport.Span {
			return passport.Span{Context: func(context.Context) context.Context { panic("no collector") }}
		},
		"at the end": func(context.Context, passport.Operation) passport.Span {
			return passport.Span{End: func(error) { panic("no collector") }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *passport.Config) { c.Trace = trace })
			b := s.signedIn()
			assert.Equal(t, http.StatusSeeOther, b.logout().StatusCode)
			assert.Empty(t, b.cookie("passport"))
			s.revoked(1)
			for _, o := range []passport.Operation{passport.OperationLogout, passport.OperationRevocation} {
				said := `Config.Trace panicked" operation=` + string(o) + ` panic="no collector" stack=`
				require.Eventually(t, func() bool { return strings.Contains(s.log.String(), said) }, // once the answer is there
					20*time.Second, time.Millisecond, said)
			}
		})
	}
}
