package passport_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

// toPage is what a browser sends when its user goes to a page.
var toPage = []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}

// behind is what a handler's responses are behind a gateway that changes their Set-Cookie
// lines.
func behind(next http.Handler, change func(lines []string) []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res := httptest.NewRecorder()
		next.ServeHTTP(res, r)
		for name, lines := range res.Header() {
			if name == "Set-Cookie" {
				lines = change(lines)
			}
			w.Header()[name] = lines
		}
		w.WriteHeader(res.Code)
		_, _ = w.Write(res.Body.Bytes())
	})
}

func TestSilentLoginEndsBehindAGatewayThatLosesCookies(t *testing.T) {
	for name, change := range map[string]func([]string) []string{
		"the last alone": func(lines []string) []string { return lines[max(0, len(lines)-1):] },
		"by name": func(lines []string) (kept []string) {
			for _, line := range lines {
				if !strings.HasPrefix(line, "passport-looked=1") {
					kept = append(kept, line)
				}
			}
			return kept
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.app = behind(s.p.Handler(s.p.SilentLogin(s.mux)), change)
			res := s.browser().get("/page?tab=2", toPage...)
			assert.Equal(t, "nobody", res.body)
			assert.Equal(t, "/page", res.Request.URL.Path)
			assert.Equal(t, "2", res.Request.URL.Query().Get("tab"))
			assert.Len(t, s.auth.Requests("/authorize"), 1)
			assert.NotContains(t, s.log.String(), "level=WARN", "most visitors are signed in nowhere")
		})
	}
}

// Cookies of others that come back say nothing of ours.
func TestSilentLoginLeavesABrowserAloneWhoseCookiesOfOursAreLost(t *testing.T) {
	s := newSite(t)
	s.app = behind(s.p.Handler(s.p.SilentLogin(s.mux)), func([]string) []string { return nil })
	res := s.browser().get("/page", append(toPage, "Cookie", "theme=dark")...)
	assert.Equal(t, "nobody", res.body)
	assert.Empty(t, s.auth.Requests("/authorize"))
}

// A page whose address a login could not come back to is more to its visitor than being
// signed in.
func TestSilentLoginLosesNoPage(t *testing.T) {
	s := newSite(t)
	h := s.p.Handler(s.p.SilentLogin(s.mux))
	for page, looks := range map[string]bool{
		"/page": true, "/page?q=" + strings.Repeat("a", 1000): false, "/page?a=\\b": false, "//page": false,
	} {
		r := httptest.NewRequest(http.MethodGet, page, nil)
		r.Host = strings.TrimPrefix(s.server.URL, "http://")
		for i := 0; i < len(toPage); i += 2 {
			r.Header.Set(toPage[i], toPage[i+1])
		}
		r.AddCookie(&http.Cookie{Name: "passport-looked", Value: "00"}) // it keeps cookies
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, looks, strings.HasPrefix(w.Header().Get("Location"), s.auth.URL), "%s: %d", page, w.Code)
	}
}

// A store that cannot say whether somebody is signed in is no reason to sign them in anew.
func TestSilentLoginReplacesNoSessionThatCannotBeLookedUp(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	b := s.signedIn()
	s.app = s.p.SilentLogin(s.mux) // without Handler, which would say that the store is down
	store.fail("Load")
	assert.NotEqual(t, http.StatusSeeOther, b.stay().get("/page", toPage...).StatusCode)
	link := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site"}
	assert.Equal(t, "/page", b.stay().get("/login?return_to=/page", link...).Header.Get("Location"), "nor is another site's link")
}

// Tab A is at the provider for a silent login while its user signs in in tab B.
func TestASilentLoginReplacesNoSessionThatTheUserHasBegun(t *testing.T) {
	s := newSite(t)
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	b := s.knownToProvider()
	b.Jar.SetCookies(must(url.Parse(s.server.URL)), []*http.Cookie{{Name: "passport-looked", Path: "/", Value: "00"}})
	at := b.stay().get("/page?tab=2", toPage...).Header.Get("Location")
	require.True(t, strings.HasPrefix(at, s.auth.URL), at)
	back := b.stay().get(at).Header.Get("Location")

	b.get("/login")
	theirs := b.session().ID()
	res := b.get(back, toPage...)
	assert.Equal(t, "/page?tab=2", res.Request.URL.RequestURI())
	assert.Equal(t, alice, res.body)
	assert.Equal(t, theirs, b.session().ID())
	assert.Empty(t, s.events.named(passport.EventSessionReplaced))
}

// What a program asks for with Prompt none ends on the page, too.
func TestALoginWithPromptNoneThatFailsShowsThePage(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("GET /look", func(w http.ResponseWriter, r *http.Request) {
		s.p.StartLogin(w, r, passport.LoginOptions{Prompt: "none", ReturnTo: "/page"})
	})
	s.app = s.p.Handler(s.p.SilentLogin(s.mux))
	b := s.browser()
	b.Jar.SetCookies(must(url.Parse(s.server.URL)), []*http.Cookie{{Name: "passport-looked", Path: "/", Value: "1"}})
	res := b.get("/look", toPage...)
	assert.Equal(t, "nobody", res.body)
	assert.Equal(t, "/page", res.Request.URL.RequestURI())
	assert.Len(t, s.auth.Requests("/authorize"), 1, "SilentLogin knows that the browser has been there")

	s.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	framed := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-origin"}
	assert.NotEqual(t, http.StatusOK, b.get("/look", framed...).StatusCode, "in a frame nobody looks at the page")
}
