package passport_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

// proxy stands in front of a site: it takes prefix off the paths, and rewrites Host if
// host is not empty.
func (s *site) proxy(prefix, host string) *httptest.Server {
	backend, err := url.Parse(s.server.URL)
	require.NoError(s.t, err)
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(backend)
		r.Out.Host = either(host, r.In.Host)
	}}
	front := httptest.NewServer(http.StripPrefix(prefix, forward))
	s.t.Cleanup(front.Close)
	return front
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// placed is a program below a prefix, as browsers see it.
type placed struct {
	*site
	url   string // with the prefix, and no slash at the end
	store *faultyStore
}

// placement is a way to get below a prefix.
type placement struct {
	prefix string // of what browsers see
	base   string // as the Config has it, after the origin
	strips string // what a proxy in front takes off
	host   string // what it makes of Host; empty: the browser's
	proxy  bool

	// wrap puts the program behind the package's Handler.
	wrap func(p *passport.Passport, program http.Handler) http.Handler
}

func inside(prefix string) func(*passport.Passport, http.Handler) http.Handler {
	return func(p *passport.Passport, program http.Handler) http.Handler {
		return http.StripPrefix(prefix, p.Handler(p.RequireLogin(program)))
	}
}

func outside(prefix string) func(*passport.Passport, http.Handler) http.Handler {
	return func(p *passport.Passport, program http.Handler) http.Handler {
		return p.Handler(p.RequireLogin(http.StripPrefix(prefix, program)))
	}
}

// newPlaced starts a program that is for users alone, with the exception of /public,
// and that knows nothing of its prefix.
func newPlaced(t *testing.T, row placement) *placed {
	t.Helper()
	pl := &placed{store: &faultyStore{Store: memory.New(memory.Options{})}}
	pl.site = newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = pl.store, someKey() })
	front := pl.server
	if row.proxy {
		front = pl.proxy(row.strips, row.host)
	}
	pl.url = front.URL + row.prefix
	c := pl.c
	c.BaseURL = front.URL + row.base
	c.RedirectURI, c.LogoutRedirectURI = pl.url+"/redirect", pl.url+"/bye"
	pl.p = newPassport(t, c)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", pl.p.Login)
	mux.HandleFunc("GET /redirect", pl.p.LoginCallback)
	mux.HandleFunc("/logout", pl.p.Logout)
	mux.Handle("GET /passport.js", pl.p.Script())
	mux.HandleFunc("GET /{$}", who)
	mux.HandleFunc("GET /bye", who)
	mux.HandleFunc("GET /deep/{page}", who)
	pl.app = row.wrap(pl.p, mux)
	return pl
}

// visit asks for a page as a browser does that a person sits at.
func (pl *placed) visit(b *browser, path string) answer {
	return b.get(pl.url+path, "Accept", "text/html", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none")
}

// signOut posts a form and follows it to its end.
func (pl *placed) signOut(b *browser) answer {
	r := b.request(http.MethodPost, pl.url+"/logout", strings.NewReader(""),
		"Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin")
	// Redirects of this client keep the header; a browser's would say cross-site.
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		return nil
	}
	defer func() { b.CheckRedirect = nil }()
	return b.do(r)
}

func TestBelowAPrefixEveryPathFollows(t *testing.T) {
	asItIs := func(p *passport.Passport, program http.Handler) http.Handler {
		return p.Handler(p.RequireLogin(program))
	}
	const internal = "backend.internal:8080"
	for name, row := range map[string]placement{
		"the root":                               {wrap: asItIs},
		"the root, with a slash":                 {base: "/", wrap: asItIs},
		"stripped before the handlers":           {prefix: "/app", base: "/app", wrap: inside("/app")},
		"stripped, with a slash":                 {prefix: "/app", base: "/app/", wrap: inside("/app")},
		"stripped after the handlers":            {prefix: "/app", base: "/app", wrap: outside("/app")},
		"two steps deep":                         {prefix: "/a/b", base: "/a/b", wrap: inside("/a/b")},
		"escaped":                                {prefix: "/my%20app", base: "/my%20app/", wrap: inside("/my app")},
		"escaped, not stripped":                  {prefix: "/my%20app", base: "/my%20app", wrap: outside("/my app")},
		"not ASCII":                              {prefix: "/%C3%A4pfel", base: "/%C3%A4pfel", wrap: inside("/äpfel")},
		"by a proxy":                             {prefix: "/app", base: "/app", proxy: true, strips: "/app", wrap: asItIs},
		"by a proxy that rewrites Host":          {prefix: "/app", base: "/app", proxy: true, strips: "/app", host: internal, wrap: asItIs},
		"by a proxy, escaped":                    {prefix: "/my%20app", base: "/my%20app", proxy: true, strips: "/my app", wrap: asItIs},
		"by a proxy that leaves it":              {prefix: "/app", base: "/app", proxy: true, wrap: inside("/app")},
		"by a proxy and by StripPrefix":          {prefix: "/outer/inner", base: "/outer/inner", proxy: true, strips: "/outer", wrap: inside("/inner")},
		"a proxy at the root that rewrites Host": {proxy: true, host: internal, wrap: asItIs},
	} {
		t.Run(name, func(t *testing.T) {
			pl := newPlaced(t, row)
			b := pl.browser()
			user := passporttest.DefaultUser().Subject

			deep := "/deep/a%20b?x=1%202&y=%26"
			if !strings.Contains(row.prefix, "%") { // else StripPrefix does not match
				deep = "/deep/a%2Fb?x=1%202&y=%26"
			}
			page := pl.visit(b, deep)
			assert.Equal(t, pl.url+deep, page.Request.URL.String(), "RequireLogin comes back")
			assert.Equal(t, user, page.body)

			bye := pl.signOut(b)
			assert.Equal(t, pl.url+"/bye", bye.Request.URL.String(), "a logout comes back, and is tidied up")
			assert.Contains(t, bye.body, "You are signed out")
			assert.Len(t, pl.events.named(passport.EventPassportDone), 1, "the return is noticed")

			again := pl.visit(b, "/login")
			assert.Equal(t, pl.url+"/", again.Request.URL.String(), "a plain login ends at home")
			assert.Equal(t, user, again.body)

			pl.store.fail("Load")
			b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			out := b.do(b.request(http.MethodPost, pl.url+"/logout", nil, "Accept", "application/json"))
			assert.Equal(t, http.StatusOK, out.StatusCode, "a store that cannot be read keeps no logout back: %s", out.body)
			assert.Contains(t, out.body, pl.auth.URL)
			pl.store.fail()

			b = pl.signedInAt()
			script := pl.visit(b, "/passport.js").body
			assert.Contains(t, script, `"`+row.public("/logout")+`"`)
			stale := pl.visit(b, "/redirect?state=x&code=y")
			assert.Contains(t, stale.body, `href="`+row.public("/login")+`"`)
			assert.Contains(t, stale.body, `href="`+row.public("/")+`"`)
		})
	}
}

// public is a path as the Config makes browsers see it.
func (row placement) public(path string) string { return strings.TrimRight(row.base, "/") + path }

// signedInAt returns a browser that has signed in below the prefix.
func (pl *placed) signedInAt() *browser {
	b := pl.browser()
	require.Equal(pl.t, passporttest.DefaultUser().Subject, pl.visit(b, "/login").body)
	return b
}

func TestPathsAreBelowBaseURLHoweverTheyAreWritten(t *testing.T) {
	for name, row := range map[string]struct {
		login, home string
		wantLogin   string
		wantHome    string
	}{
		"by default":         {"", "", "/app/login", "/app/"},
		"without the prefix": {"/in", "/start?a=b", "/app/in", "/app/start?a=b"},
		"with it":            {"/app/in", "/app/start", "/app/in", "/app/start"},
		"a longer name":      {"/apple", "/application/", "/app/apple", "/app/application/"},
	} {
		s := newSite(t, func(c *passport.Config) {
			c.BaseURL, c.RedirectURI = s0(c.RedirectURI)+"/app", s0(c.RedirectURI)+"/app/redirect"
			c.LoginPath, c.HomePath = row.login, row.home
		})
		body := record(s.p.LoginCallback, "GET", "/app/redirect?state=x&code=y", "Accept", "text/html").Body.String()
		assert.Contains(t, body, `href="`+row.wantLogin+`"`, name)
		assert.Contains(t, body, `href="`+row.wantHome+`"`, name)
	}
}

// s0 is the origin of a URL.
func s0(raw string) string { return raw[:strings.Index(raw[8:], "/")+8] }

func TestABaseURLThatIsElsewhereIsRefusedByName(t *testing.T) {
	for base, want := range map[string]string{
		"https://www.example.com/":     "BaseURL is at https://www.example.com and RedirectURI at https://example.com",
		"https://example.com:8443/app": "BaseURL is at https://example.com:8443",
		"http://127.0.0.1/app":         "BaseURL is at http://127.0.0.1",
		"https://example.com/other":    "RedirectURI is not below BaseURL",
		"https://example.com/ap":       "RedirectURI is not below BaseURL",
		"https://example.com/app?x":    "must not have a query",
		"https://example.com//app":     "single slash",
		"/app":                         "absolute URL",
	} {
		_, err := passport.New(passport.Config{ClientID: "id", RedirectURI: "https://example.com/app/redirect", BaseURL: base})
		assert.ErrorContains(t, err, want, base)
	}
	_, err := passport.New(passport.Config{ClientID: "id", RedirectURI: "https://EXAMPLE.com:443/app/redirect", BaseURL: "https://example.com/app/"})
	assert.NoError(t, err)
}

// RequireLogin lets the package's own paths pass; a page of the same name below a
// prefix of the program's own is none of them.
func TestAPageThatIsCalledLikeTheLoginIsForUsersAlone(t *testing.T) {
	s := newSite(t)
	admin := s.p.RequireLogin(http.HandlerFunc(who))
	s.mux.Handle("/admin/", http.StripPrefix("/admin", admin))
	for _, path := range []string{"/admin/login", "/admin/logout", "/admin/redirect?state=x"} {
		assert.Equal(t, http.StatusUnauthorized, s.browser().get(path).StatusCode, path)
	}
}

func TestALoginBeginsAtTheHostThatItComesBackTo(t *testing.T) {
	s := newSite(t)
	alias := strings.Replace(s.server.URL, "127.0.0.1", "localhost", 1)
	require.NotEqual(t, s.server.URL, alias)
	page := s.browser().get(alias+"/login?return_to=/page", "Accept", "text/html")
	assert.Equal(t, s.server.URL+"/page", page.Request.URL.String())
	assert.Equal(t, passporttest.DefaultUser().Subject, page.body)
}

func TestAfterALogoutTheSignedOutPageStandsForTenMinutes(t *testing.T) {
	pl := newPlaced(t, placement{prefix: "/app", base: "/app", wrap: inside("/app")})
	b := pl.signedInAt()
	pl.signOut(b)
	for path, signedOut := range map[string]bool{"/bye": true, "/": true, "/deep/page": false} {
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res := pl.visit(b, path)
		assert.Equal(t, signedOut, res.StatusCode == http.StatusOK, path)
		if signedOut {
			assert.Contains(t, res.body, "/app/login?return_to="+url.QueryEscape("/app"+path))
		}
	}
	pl.clock.add(10 * 60e9)
	assert.Equal(t, http.StatusSeeOther, pl.visit(b, "/bye").StatusCode)
}
