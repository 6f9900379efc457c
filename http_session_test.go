package passport_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

func queryOf(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Query()
}

func TestRequireRecentAsksAgain(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("GET /email", s.p.RequireRecent(10*time.Minute, http.HandlerFunc(who)))
	b := s.signedIn()
	before := b.session().ID()
	assert.Equal(t, alice, b.get("/email").body, "the login was a moment ago")

	s.clock.add(11 * time.Minute)
	assert.Equal(t, alice, b.get("/").body, "the session lives on")
	res := b.get("/email", "Sec-Fetch-Mode", "cors")
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode)

	res = b.stay().get("/email?tab=2", "Sec-Fetch-Mode", "navigate")
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	assert.Equal(t, "600", queryOf(t, res.Header.Get("Location")).Get("max_age"))
	assert.Equal(t, alice, b.get("/email", "Sec-Fetch-Mode", "navigate").body, "by way of the provider")
	assert.NotEqual(t, before, b.session().ID())

	assert.Equal(t, http.StatusUnauthorized, s.browser().get("/email", "Sec-Fetch-Mode", "cors").StatusCode)
}

// What was typed is lost, but a page that says "sign in again", and asks for nothing, would
// lead to itself.
func TestAFormThatNeedsARecentUserComesBackToItsPage(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("POST /email", s.p.RequireRecent(10*time.Minute, http.HandlerFunc(who)))
	s.mux.Handle("POST /vault", s.p.RequireStepUp(passport.StepUp{ACRValues: multi}, http.HandlerFunc(who)))
	b := s.signedIn()
	s.clock.add(11 * time.Minute)
	post := func(b *browser, path string, header ...string) answer {
		return b.do(b.request(http.MethodPost, path, nil, append(header, "Sec-Fetch-Site", "same-origin")...))
	}
	form := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Referer", s.server.URL + "/page?tab=2"}
	for path, want := range map[string]url.Values{"/email": {"max_age": {"600"}}, "/vault": {"acr_values": {multi}}} {
		res := post(b.stay(), path, form...)
		require.Equal(t, http.StatusSeeOther, res.StatusCode, path)
		for name := range want {
			assert.Equal(t, want.Get(name), queryOf(t, res.Header.Get("Location")).Get(name), path)
		}
		res = post(b.stay(), path, "HX-Request", "true", "HX-Current-URL", s.server.URL+"/page", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty")
		for name := range want {
			assert.Equal(t, want.Get(name), queryOf(t, res.Header.Get("HX-Redirect")).Get(name), "htmx")
		}
		assert.Equal(t, http.StatusUnauthorized, post(b.stay(), path, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe").StatusCode)
		assert.Equal(t, http.StatusUnauthorized, post(b.stay(), path, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty").StatusCode)
	}
	res := post(b, "/email", form...)
	assert.Equal(t, alice, res.body, "by way of the provider")
	assert.Equal(t, "/page?tab=2", res.Request.URL.RequestURI())
	assert.Equal(t, alice, post(b, "/email", form...).body)
	s.awaitRevocations(1)
	s.clock.add(11 * time.Minute)
	res = post(b, "/email", "Accept", "text/html") // an old browser, and a page that hides itself
	assert.Equal(t, "/", res.Request.URL.Path)
}

// error and detail are for people, and in their language.
func TestScriptsAreToldByACodeWhatTheUserHasToDo(t *testing.T) {
	var store distant
	s := newSite(t, storedFarAway(&store))
	s.mux.Handle("/users", s.p.RequireLogin(http.HandlerFunc(who)))
	s.mux.Handle("/recent", s.p.RequireRecent(time.Minute, http.HandlerFunc(who)))
	s.mux.Handle("/vault", s.p.RequireStepUp(passport.StepUp{ACRValues: multi}, http.HandlerFunc(who)))
	b := s.signedIn()
	s.clock.add(2 * time.Minute)
	seen := map[string]bool{}
	told := func(want string, res answer) {
		t.Helper()
		var said struct{ Error, Detail, Code string }
		require.NoError(t, json.Unmarshal([]byte(res.body), &said), res.body)
		assert.NotEmpty(t, said.Error)
		assert.NotEmpty(t, said.Detail)
		assert.Equal(t, want, said.Code)
		seen[said.Code] = true
	}
	script := []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "application/json", "Accept-Language", "fr"}
	told("no_session", s.browser().get("/users", script...))
	told("no_session", s.browser().get("/recent", script...))
	told("not_recent", b.get("/recent", script...))
	told("insufficient_acr", b.get("/vault", script...))
	told("cross_origin", b.logout(append(script, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")...))
	store.fail("Load")
	defer store.fail()
	told("store_unavailable", b.get("/users", script...))

	guide, err := os.ReadFile("docs/single-page-apps.md")
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [0-9]{3} \\|").FindAllSubmatch(guide, -1) {
		listed[string(row[1])] = true
	}
	assert.Equal(t, listed, seen, "docs/single-page-apps.md")
}

// TestRequireRecentDoesNotLoop meets a provider that never says when it asked.
func TestRequireRecentDoesNotLoop(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("GET /email", s.p.RequireRecent(time.Minute, http.HandlerFunc(who)))
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) { delete(c, "auth_time") }})
	res := s.signedIn().get("/email", "Sec-Fetch-Mode", "navigate")
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	assert.Contains(t, res.body, "did not ask")
}

func TestRequireRecentPanicsAtNoAge(t *testing.T) {
	s := newSite(t)
	assert.Panics(t, func() { s.p.RequireRecent(0, http.NotFoundHandler()) })
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAHandlerMaySayHowItsPagesAreStored(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=60") })
	assert.Equal(t, "max-age=60", s.signedIn().get("/style.css").Header.Get("Cache-Control"))
	assert.Equal(t, "no-store", s.signedIn().get("/").Header.Get("Cache-Control"), "the next response is its own")
}

func TestAStoreThatIsDownIsA503AndNotAStranger(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	faulty.fail("Load")
	a := b.get("/")
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	assert.Equal(t, "5", a.Header.Get("Retry-After"))
	assert.Equal(t, "nobody", s.browser().get("/").body, "who has no session needs no store")
	faulty.fail()
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
}

func TestRequireLoginSendsNavigationsToLoginAndBack(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("/account", s.p.RequireLogin(http.HandlerFunc(who)))
	b := s.browser()
	a := b.stay().get("/account?tab=2", "Accept", "text/html")
	assert.Equal(t, http.StatusSeeOther, a.StatusCode)
	assert.Equal(t, "/login?return_to=%2Faccount%3Ftab%3D2", a.Header.Get("Location"))
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/account", "Accept", "text/html").body)

	stranger := s.browser()
	for _, header := range [][]string{
		{"Accept", "application/json"},
		{"Accept", "text/html", "Sec-Fetch-Mode", "cors"},
		{"Accept", "text/html", "HX-Request", "true"},
	} {
		assert.Equal(t, http.StatusUnauthorized, stranger.stay().get("/account", header...).StatusCode, header)
	}
	post := stranger.request(http.MethodPost, "/account", strings.NewReader("amount=1"), "Accept", "text/html")
	assert.Equal(t, http.StatusUnauthorized, stranger.stay().do(post).StatusCode, "a form that would be lost on the way says so")
}

// TestRequireLoginMayStandAroundAWholeProgram has everything behind it, the login
// too.
func TestRequireLoginMayStandAroundAWholeProgram(t *testing.T) {
	for _, mode := range []passport.LogoutMode{passport.LogoutRedirect, passport.LogoutSilent} {
		s := newSite(t, func(c *passport.Config) {
			c.LogoutMode = mode
			if mode == passport.LogoutSilent {
				c.LogoutRedirectURI = strings.TrimSuffix(c.LogoutRedirectURI, "/") + "/silent-logout"
			}
		})
		s.app = s.p.RequireLogin(s.mux)
		b := s.browser()
		assert.Equal(t, alice, b.get("/page", "Sec-Fetch-Mode", "navigate").body, "by way of the login")
		assert.Equal(t, http.StatusOK, b.logout("Accept", "application/json").StatusCode)
		assert.Equal(t, http.StatusUnauthorized, b.get("/page", "Sec-Fetch-Mode", "cors").StatusCode)
		assert.Equal(t, http.StatusUnauthorized, b.get("/redirect", "Sec-Fetch-Mode", "cors").StatusCode, "no return from a login")
		if mode == passport.LogoutSilent {
			assert.Equal(t, http.StatusOK, b.get("/silent-logout").StatusCode)
		} else {
			assert.Equal(t, http.StatusUnauthorized, b.get("/", "Sec-Fetch-Mode", "cors").StatusCode, "a page like any other")
		}
	}
}

// Routers go by the path of the request, whatever it is. A page of ours at "/" must not
// answer for another.
func TestRequireLoginIsNotWalkedPast(t *testing.T) {
	reached := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "reached") })
	for name, edit := range map[string]func(*passport.Config){
		"callback at the root": func(c *passport.Config) { c.RedirectURI = "http://localhost:3000/" },
		"logout return at the root": func(c *passport.Config) {
			c.LogoutMode, c.LogoutRedirectURI = passport.LogoutSilent, "http://localhost:3000"
		},
		"pages below the root": func(*passport.Config) {},
	} {
		c := passport.Config{ClientID: "client", RedirectURI: "http://localhost:3000/redirect"}
		edit(&c)
		guarded := newPassport(t, c)
		h := guarded.Handler(guarded.RequireLogin(reached))
		long := "&x=" + strings.Repeat("a", web.LongestPath)
		for _, target := range []string{
			"/secret?state=1", "/secret?state=1" + long, "//secret?state=1", "http://localhost:3000/secret?state=1" + long,
			"/secret%0a?state=1", "/secret%5c?state=1", `/secret\?state=1`, "/login#/../secret", "/redirect#/secret?state=1", "/#/secret?state=1",
		} {
			r := httptest.NewRequest(http.MethodGet, target, nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.NotContains(t, w.Body.String(), "reached", "%s: %.40s", name, target)
		}
	}
}

func TestRequireLoginWorksByItself(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	h := s.p.RequireLogin(http.HandlerFunc(who))
	w := record(h.ServeHTTP, "GET", "/account", "Cookie", "passport="+b.cookie("passport"))
	assert.Equal(t, passporttest.DefaultUser().Subject, w.Body.String())
	w = record(h.ServeHTTP, "GET", "/account")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestRequireLoginBringsUsersBackToThePathThatTheyAskedFor(t *testing.T) {
	p := newPassport(t, least())
	below := http.StripPrefix("/shop", p.RequireLogin(http.HandlerFunc(who)))
	w := record(below.ServeHTTP, "GET", "/shop/cart?item=1", "Accept", "text/html")
	assert.Equal(t, "/login?return_to=%2Fshop%2Fcart%3Fitem%3D1", w.Header().Get("Location"))

	absolute := "http://app.example.com/cart?item=1" // the form that servers must take too: RFC 9112 §3.2.2
	w = record(p.RequireLogin(http.HandlerFunc(who)).ServeHTTP, "GET", absolute, "Accept", "text/html")
	assert.Equal(t, "/login?return_to=%2Fcart%3Fitem%3D1", w.Header().Get("Location"))
}

func TestAnHTMXRequestWithoutASessionGoesToTheLogin(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("/part", s.p.RequireLogin(http.HandlerFunc(who)))
	for current, want := range map[string]string{
		s.server.URL + "/page?a=1%202": "/page?a=1%202",
		"https://evil.example/page":    "/",
		s.server.URL + "//evil":        "/",
		"/page":                        "/",
		"":                             "/",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			b := s.browser().stay()
			res := b.do(b.request(method, "/part", nil, "HX-Request", "true", "HX-Current-URL", current))
			assert.Equal(t, "/login?"+url.Values{"return_to": {want}}.Encode(), res.Header.Get("HX-Redirect"), current)
			assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
			assert.Empty(t, res.body)
		}
	}
	signedIn := s.signedIn().get("/part", "HX-Request", "true")
	assert.Equal(t, passporttest.DefaultUser().Subject, signedIn.body)
}

// Middleware that logs or measures goes by the pattern.
func TestMiddlewareAroundHandlerSeesThePattern(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("GET /items/{id}", who)
	s.mux.HandleFunc("GET /broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	patterns := make(chan string, 1)
	plain := s.app
	b := s.signedIn().stay()
	s.app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { patterns <- r.Pattern }()
		plain.ServeHTTP(w, r)
	})
	seen := func(b *browser, method, path string) string {
		res, err := b.Do(b.request(method, path, nil))
		if err == nil {
			_ = res.Body.Close()
		}
		return <-patterns
	}
	stranger := s.browser().stay()
	assert.Equal(t, "GET /items/{id}", seen(stranger, http.MethodGet, "/items/1"))
	assert.Equal(t, "GET /items/{id}", seen(b, http.MethodGet, "/items/1"))
	assert.Equal(t, "GET /broken", seen(b, http.MethodGet, "/broken"), "after a panic too")
	assert.Equal(t, "/logout", seen(b, http.MethodPost, "/logout"))
}

// net/http removes the files of an upload when it has answered, if it finds them in the
// request that it has passed on itself. They filled the disk.
// https://github.com/golang/go/issues/58809
func TestTheFilesOfAnUploadAreRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // of Windows
	files := func() []string {
		all, err := filepath.Glob(filepath.Join(dir, "multipart-*"))
		require.NoError(t, err)
		return all
	}
	s := newSite(t, verifies)
	upload := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseMultipartForm(0)) // nothing in memory
		assert.Len(t, files(), 1)
	})
	s.mux.Handle("POST /upload", upload)
	s.mux.Handle("POST /user/upload", s.p.RequireLogin(upload))
	s.mux.Handle("POST /api/upload", s.p.RequireBearer(upload))
	user := s.signedIn()
	token, err := user.session().IDToken(t.Context())
	require.NoError(t, err)
	inHandler, below := s.app, s.mux
	post := func(app http.Handler, b *browser, path string, header ...string) {
		t.Helper()
		s.app = app
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("picture", "picture.png")
		require.NoError(t, err)
		_, err = part.Write(make([]byte, 1<<10))
		require.NoError(t, err)
		require.NoError(t, form.Close())
		a := b.do(b.request(http.MethodPost, path, &body, append(header, "Content-Type", form.FormDataContentType())...))
		require.Equal(t, http.StatusOK, a.StatusCode, path)
		assert.Eventually(t, func() bool { return len(files()) == 0 }, 10*time.Second, time.Millisecond, path)
	}
	post(inHandler, s.browser(), "/upload")
	post(inHandler, user, "/upload")
	post(below, user, "/user/upload")
	post(below, s.browser(), "/api/upload", "Authorization", "Bearer "+token.Reveal())
}

// Providers forbid the framing of their pages, so the frame stayed empty.
func TestALoginInAFrameShowsNoPageOfTheProviders(t *testing.T) {
	framed := []string{"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin"}
	s := newSite(t)
	s.mux.Handle("GET /widget", s.p.RequireLogin(http.HandlerFunc(who)))

	b := s.browser()
	a := b.get("/widget?of=page", framed...)
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode)
	assert.Contains(t, a.body, "You are not signed in")
	assert.NotContains(t, a.body, "login_required")
	assert.Contains(t, a.body, `href="/login" target="_top"`)
	assert.Contains(t, a.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'")
	asked := s.auth.Requests("/authorize")
	require.Len(t, asked, 1)
	assert.Equal(t, "none", asked[0].Query.Get("prompt"))

	require.Equal(t, passporttest.DefaultUser().Subject, b.get("/login").body, "at top level")
	ended, err := s.p.EndSessions(t.Context(), storage.Match{Subject: passporttest.DefaultUser().Subject})
	require.NoError(t, err)
	require.Equal(t, 1, ended.Ended)
	a = b.get("/widget?of=page", framed...)
	assert.Equal(t, passporttest.DefaultUser().Subject, a.body, "who is signed in at the provider")
	assert.Equal(t, "/widget?of=page", a.Request.URL.RequestURI())
}

// Each load of such a frame was a login that failed, in the numbers that operators watch.
func TestAFrameOnAnotherSiteBeginsNoLogin(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("GET /widget", s.p.RequireLogin(http.HandlerFunc(who)))
	b := s.browser()
	b.Jar = nil
	foreign := []string{"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site"}
	a := b.get("/widget?of=page", foreign...)
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode)
	assert.Contains(t, a.body, "You are not signed in")
	assert.Contains(t, a.body, `href="/widget?of=page" target="_top"`)
	assert.Empty(t, s.auth.Requests("/authorize"))
	assert.Empty(t, s.events.named("login.failed"))

	assert.Equal(t, http.StatusUnauthorized, b.get("/widget", append(foreign, "Cookie", "theme=dark")...).StatusCode, "a cookie of others")
	back := s.browser().stay().get("/widget", append(foreign, "Cookie", "passport-looked=1")...)
	assert.Equal(t, http.StatusSeeOther, back.StatusCode, "it is not on another site, but comes from there")
}

// Both look for who is signed in at the provider. SilentLogin's page is for everybody, and
// that in the frame is not: it would begin another login.
func TestALoginInAFrameInsideSilentLoginDoesNotLoop(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	s.mux.Handle("GET /widget", s.p.RequireLogin(http.HandlerFunc(who)))
	b := s.browser()
	require.Equal(t, "nobody", b.get("/page", "Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate").body)
	a := b.get("/widget", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate")
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode)
	assert.Contains(t, a.body, "You are not signed in")
	assert.Len(t, s.auth.Requests("/authorize"), 2)
}

func TestAFrameIsNotSentToBeAskedAgain(t *testing.T) {
	framed := []string{"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin"}
	s := newSite(t)
	s.mux.Handle("GET /recent", s.p.RequireRecent(10*time.Minute, http.HandlerFunc(who)))
	s.mux.Handle("GET /strong", s.p.RequireStepUp(passport.StepUp{ACRValues: "mfa"}, http.HandlerFunc(who)))
	b := s.signedIn()
	require.Equal(t, alice, b.get("/recent", framed...).body)
	s.clock.add(11 * time.Minute)
	for _, path := range []string{"/recent", "/strong"} {
		a := b.stay().get(path+"?tab=2", framed...)
		assert.Equal(t, http.StatusUnauthorized, a.StatusCode, path)
		assert.Contains(t, a.body, `href="`+path+`?tab=2" target="_top"`)
		assert.Contains(t, a.body, "confirm")
	}
}

// A clock that has been put back makes no logout of an hour ago a recent one.
func TestALogoutInTheFutureIsNotARecentOne(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.RequireLogin(s.mux))
	b := s.signedIn()
	s.clock.add(2 * time.Hour)
	b.logout()
	assert.Equal(t, http.StatusOK, b.stay().get("/", "Accept", "text/html").StatusCode, "signed out")
	s.clock.add(-2 * time.Hour)
	assert.Equal(t, http.StatusSeeOther, b.stay().get("/", "Accept", "text/html").StatusCode, "to the login")
}
