package optest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

const password = "correct horse"

// browser is a user's: it keeps cookies, follows redirects, and fills in forms
// as they would.
type browser struct {
	t       *testing.T
	user    string
	client  *http.Client
	visited []*url.URL // since the last call
	stopAt  string     // the path of a page not to go to
	asked   int        // how often for a password
}

func newBrowser(t *testing.T, user string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return onJar(t, user, jar)
}

func onJar(t *testing.T, user string, jar http.CookieJar) *browser {
	b := &browser{t: t, user: user, client: &http.Client{Jar: jar, Timeout: patience}}
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if b.stopAt != "" && r.URL.Path == b.stopAt {
			return http.ErrUseLastResponse
		}
		b.visited = append(b.visited, r.URL)
		if r.Header.Get("Sec-Fetch-Mode") != "" {
			r.Header.Set("Sec-Fetch-Site", "cross-site") // the app and its provider send each other on
		}
		return nil
	}
	return b
}

// page is what the browser ends at.
type page struct {
	url    *url.URL
	status int
	body   string
	next   string // where it leads, if the browser did not go there
	form   *form  // the first, or nil
}

type form struct {
	action *url.URL
	fields url.Values
}

// open goes to an address, as a page in the window.
func (b *browser) open(address string) page {
	b.t.Helper()
	return b.load(b.request(http.MethodGet, address, nil), "document")
}

// frame goes to an address in a hidden iframe.
func (b *browser) frame(address string) page {
	b.t.Helper()
	return b.load(b.request(http.MethodGet, address, nil), "iframe")
}

// post submits a form of the same origin.
func (b *browser) post(address string, values url.Values) page {
	b.t.Helper()
	return b.load(b.request(http.MethodPost, address, values), "document")
}

// fetch is a script's POST, which takes JSON.
func (b *browser) fetch(address string) page {
	b.t.Helper()
	r := b.request(http.MethodPost, address, nil)
	r.Header.Set("Accept", "application/json")
	return b.do(b.client, r)
}

// leave makes a request and returns where that leads, without going there.
func (b *browser) leave(method, address string) string {
	b.t.Helper()
	stay := *b.client
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := b.do(&stay, b.request(method, address, nil))
	require.Equal(b.t, http.StatusSeeOther, p.status, p.body)
	return p.next
}

func (b *browser) request(method, address string, values url.Values) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(values.Encode()))
	require.NoError(b.t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin(r.URL))
	}
	return r
}

func (b *browser) load(r *http.Request, dest string) page {
	b.t.Helper()
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", dest)
	return b.do(b.client, r)
}

func (b *browser) do(client *http.Client, r *http.Request) page {
	b.t.Helper()
	b.visited = []*url.URL{r.URL}
	res, err := client.Do(r)
	require.NoError(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	p := page{url: res.Request.URL, status: res.StatusCode, body: string(body), next: res.Header.Get("Location")}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		p.form = b.firstForm(p)
	}
	return p
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// firstForm reads a page's first form, with the fields that it has filled in.
func (b *browser) firstForm(p page) *form {
	b.t.Helper()
	doc, err := html.Parse(strings.NewReader(p.body))
	require.NoError(b.t, err)
	var found *form
	for n := range doc.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form" && found != nil:
			return found
		case n.Data == "form":
			action, err := p.url.Parse(attribute(n, "action"))
			require.NoError(b.t, err)
			found = &form{action: action, fields: url.Values{}}
		case n.Data == "input" && found != nil:
			found.fields.Set(attribute(n, "name"), attribute(n, "value"))
		}
	}
	return found
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// answer fills in and submits one form after the other, with the button that has
// that name and value, until a page has none.
func (b *browser) answer(p page, button, value string) page {
	b.t.Helper()
	var way []*url.URL
	for range 10 {
		way = append(way, b.visited...)
		if p.form == nil {
			b.visited = way
			return p
		}
		p = b.submit(p, button, value)
	}
	require.Fail(b.t, "one form after the other", p.body)
	return page{}
}

func (b *browser) submit(p page, button, value string) page {
	b.t.Helper()
	require.NotNil(b.t, p.form, p.body)
	fields := p.form.fields
	for name, known := range map[string]string{"login": b.user, "username": b.user, "password": password} {
		if fields.Has(name) {
			fields.Set(name, known)
		}
	}
	if fields.Has("password") {
		b.asked++
	}
	if button != "" && !fields.Has(button) {
		fields.Set(button, value)
	}
	return b.post(p.form.action.String(), fields)
}

// wentWith returns where the browser, on its way since the last call, was with a
// parameter in the address, or nil.
func (b *browser) wentWith(param string) *url.URL {
	for _, u := range b.visited {
		if u.Query().Has(param) {
			return u
		}
	}
	return nil
}

// tab is another window of b.
func (b *browser) tab() *browser { return onJar(b.t, b.user, b.client.Jar) }

// partition is b inside an iframe on a page of the app: with the app's cookies,
// and with others than b's for a third party.
func (b *browser) partition(thirdParty string) *browser {
	b.t.Helper()
	own, err := cookiejar.New(nil)
	require.NoError(b.t, err)
	return onJar(b.t, b.user, &partitioned{own: own, shared: b.client.Jar, thirdParty: thirdParty})
}

type partitioned struct {
	own, shared http.CookieJar
	thirdParty  string // origin
}

func (p *partitioned) of(u *url.URL) http.CookieJar {
	if origin(u) == p.thirdParty {
		return p.own
	}
	return p.shared
}

func (p *partitioned) Cookies(u *url.URL) []*http.Cookie { return p.of(u).Cookies(u) }

func (p *partitioned) SetCookies(u *url.URL, cookies []*http.Cookie) { p.of(u).SetCookies(u, cookies) }

// signIn signs in at an app, and returns where it ends.
func (b *browser) signIn(app string) page {
	b.t.Helper()
	return b.answer(b.open(app+"/login?prompt=consent"), "", "")
}

// upToCallback signs in at an app, but for its callback, whose address it returns.
func (b *browser) upToCallback(app string) string {
	b.t.Helper()
	b.stopAt = "/redirect"
	p := b.signIn(app)
	b.stopAt = ""
	require.NotEmpty(b.t, p.next, p.body)
	return p.next
}

// signedIn is a new browser that has signed in at an app.
func signedIn(t *testing.T, app, user string) *browser {
	t.Helper()
	b := newBrowser(t, user)
	home := b.signIn(app)
	require.Equal(t, user+" "+user+"@example.com", home.body)
	require.Equal(t, app+"/", home.url.String())
	require.Equal(t, 1, b.asked, "times asked for the password")
	return b
}
