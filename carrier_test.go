package passport_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// carrier carries a browser's state to and fro: by the verbs alone, as a framework
// without net/http does, or by the handlers. A reply takes effect in the browser
// when it is delivered, so that replies can overtake each other.
type carrier interface {
	at(*passport.Passport) // another instance serves the browser from now on
	login(passport.LoginOptions) reply
	callback(link string) reply
	logout() reply
	signedIn() bool
	unfinished() bool

	// copied sends what the browser has to send now, at whatever later moment.
	copied() carrier

	// forget makes the browser forget its last logout and its logins, as it does
	// after a while.
	forget()
}

type reply struct {
	failed   bool
	text     string // why
	location string
	app      passport.Outcome // of a logout
	deliver  func()
}

// delivered is r after its delivery.
func delivered(r reply) reply {
	r.deliver()
	return r
}

// eachCarrier runs a test against the verbs and against the handlers.
func eachCarrier(t *testing.T, test func(t *testing.T, s *site, c carrier), edit ...func(*passport.Config)) {
	for name, carry := range map[string]func(*site) carrier{
		"verbs":    func(s *site) carrier { return &verbCarrier{s: s, p: s.p} },
		"handlers": func(s *site) carrier { return &cookieCarrier{s: s, p: s.p, cookies: map[string]string{}} },
		"a callback of the program's own": func(s *site) carrier {
			return &cookieCarrier{s: s, p: s.p, cookies: map[string]string{}, own: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, edit...)
			test(t, s, carry(s))
		})
	}
}

// link goes through the auth domain in b, from where a login leads, and returns the
// address of the callback.
func (b *browser) link(r reply) string {
	b.s.t.Helper()
	require.False(b.s.t, r.failed, r.text)
	back := b.stay().get(r.location)
	require.NotEmpty(b.s.t, back.Header.Get("Location"), back.body)
	return back.Header.Get("Location")
}

// signInWith signs the user of b in.
func (b *browser) signInWith(c carrier) {
	b.s.t.Helper()
	r := delivered(c.callback(b.link(delivered(c.login(passport.LoginOptions{})))))
	require.False(b.s.t, r.failed, r.text)
	require.True(b.s.t, c.signedIn())
}

// codes counts the codes that went to the provider.
func (s *site) codes() (n int) {
	for _, r := range s.auth.Requests("/oauth/token") {
		if r.Form.Get("grant_type") == "authorization_code" {
			n++
		}
	}
	return n
}

type verbCarrier struct {
	s *site
	p *passport.Passport
	b passport.BrowserState
}

func (v *verbCarrier) copied() carrier { c := *v; return &c }
func (v *verbCarrier) forget()         { v.b = passport.BrowserState{Session: v.b.Session} }

func (v *verbCarrier) at(p *passport.Passport) { v.p = p }

func (v *verbCarrier) login(o passport.LoginOptions) reply {
	before := v.b
	address, after, err := v.p.BeginLogin(v.s.t.Context(), before, o)
	return v.reply(before, after, err, address)
}

func (v *verbCarrier) callback(link string) reply {
	u, err := url.Parse(link)
	require.NoError(v.s.t, err)
	before := v.b
	in, after, err := v.p.FinishLogin(v.s.t.Context(), before, u.Query())
	return v.reply(before, after, err, in.ReturnTo)
}

func (v *verbCarrier) logout() reply {
	before := v.b
	l, after, err := v.p.EndBrowserSession(v.s.t.Context(), before)
	r := v.reply(before, after, err, l.URL)
	r.app = l.App
	return r
}

func (v *verbCarrier) reply(before, after passport.BrowserState, err error, location string) reply {
	r := reply{location: location, deliver: func() { v.b = changed(v.b, before, after) }}
	if err != nil {
		r.failed, r.text = true, err.Error()
	}
	return r
}

// changed is now, with what has changed between before and after.
func changed(now, before, after passport.BrowserState) passport.BrowserState {
	if after.Session != before.Session {
		now.Session = after.Session
	}
	if after.Logout != before.Logout || after.LogoutFinished != before.LogoutFinished {
		now.Logout, now.LogoutFinished = after.Logout, after.LogoutFinished
	}
	now.Logins = slices.DeleteFunc(slices.Clone(now.Logins), func(b passport.Secret) bool {
		return slices.Contains(before.Logins, b) && !slices.Contains(after.Logins, b)
	})
	for _, b := range after.Logins {
		if !slices.Contains(before.Logins, b) {
			now.Logins = append(now.Logins, b)
		}
	}
	return now
}

func (v *verbCarrier) signedIn() bool {
	_, err := v.p.Session(v.s.t.Context(), v.b.Session)
	return err == nil
}

func (v *verbCarrier) unfinished() bool {
	_, unfinished := v.p.UnfinishedLogout(context.Background(), v.b)
	return unfinished
}

type cookieCarrier struct {
	s       *site
	p       *passport.Passport
	cookies map[string]string
	own     bool // the program has a callback handler of its own
}

func (c *cookieCarrier) copied() carrier {
	return &cookieCarrier{s: c.s, p: c.p, cookies: maps.Clone(c.cookies), own: c.own}
}

func (c *cookieCarrier) forget() {
	maps.DeleteFunc(c.cookies, func(name, _ string) bool { return name != "passport" })
}

func (c *cookieCarrier) at(p *passport.Passport) { c.p = p }

func (c *cookieCarrier) login(o passport.LoginOptions) reply {
	return c.send(func(w http.ResponseWriter, r *http.Request) { c.p.StartLogin(w, r, o) }, "GET", "/login")
}

func (c *cookieCarrier) callback(link string) reply {
	if c.own {
		return c.send(c.finishLogin, "GET", link)
	}
	return c.send(c.p.LoginCallback, "GET", link)
}

// finishLogin is the handler of a program that does something of its own between the
// login and its response.
func (c *cookieCarrier) finishLogin(w http.ResponseWriter, r *http.Request) {
	before := c.p.BrowserState(r)
	in, after, err := c.p.FinishLogin(r.Context(), before, r.URL.Query())
	c.p.SetBrowserState(w, before, after)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
}

func (c *cookieCarrier) logout() reply {
	r := c.send(c.p.Logout, "POST", "/logout")
	r.app = map[bool]passport.Outcome{true: passport.OutcomeFailed}[r.failed]
	return r
}

func (c *cookieCarrier) send(h http.HandlerFunc, method, target string) reply {
	r := httptest.NewRequest(method, target, nil)
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	h(w, r)
	return reply{
		failed:   w.Code >= 400,
		text:     w.Body.String(),
		location: w.Header().Get("Location"),
		deliver:  func() { c.deliver(w.Result().Cookies()) },
	}
}

func (c *cookieCarrier) deliver(cookies []*http.Cookie) {
	for _, cookie := range cookies {
		if cookie.MaxAge < 0 {
			delete(c.cookies, cookie.Name)
			continue
		}
		c.cookies[cookie.Name] = cookie.Value
	}
}

func (c *cookieCarrier) signedIn() bool {
	_, err := c.p.Session(c.s.t.Context(), passport.Secret(c.cookies["passport"]))
	return err == nil
}

func (c *cookieCarrier) unfinished() (unfinished bool) {
	c.send(func(_ http.ResponseWriter, r *http.Request) {
		_, unfinished = c.p.UnfinishedLogout(r.Context(), c.p.BrowserState(r))
	}, "GET", "/")
	return unfinished
}
