package passport_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
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
	returned(link string) reply // from the auth domain's logout
	session() (*passport.Session, error)
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
	account  passport.Logout // of a logout
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

// verbCarrier is a program on a framework without net/http: a request brings a jar
// of strings, and a response says what changes in it.
type verbCarrier struct {
	s   *site
	p   *passport.Passport
	jar jar
}

type jar map[string]string

type request struct {
	query url.Values
	jar   jar
}

type response struct {
	location string
	account  passport.Logout
	err      error
	set      jar // "" removes
}

// jarOf has an entry for each thing that can change by itself, so that responses
// that overtake each other do not undo each other's.
func jarOf(b passport.BrowserState) jar {
	j := jar{"session": b.Session.Reveal(), "logout": b.Logout.Reveal()}
	if b.LogoutFinished {
		j["logout"] += " finished"
	}
	for _, binding := range b.Logins {
		j["login "+binding.Reveal()] = binding.Reveal()
	}
	return j
}

func (j jar) state() passport.BrowserState {
	b := passport.BrowserState{Session: passport.Secret(j["session"])}
	logout, finished := strings.CutSuffix(j["logout"], " finished")
	b.Logout, b.LogoutFinished = passport.Secret(logout), finished
	for _, name := range slices.Sorted(maps.Keys(j)) {
		if strings.HasPrefix(name, "login ") {
			b.Logins = append(b.Logins, passport.Secret(j[name]))
		}
	}
	return b
}

// keep sets what has changed.
func (r *response) keep(before, after passport.BrowserState) {
	was, is := jarOf(before), jarOf(after)
	r.set = jar{}
	for name, value := range was {
		if value != "" && is[name] == "" {
			r.set[name] = ""
		}
	}
	for name, value := range is {
		if was[name] != value {
			r.set[name] = value
		}
	}
}

func (v *verbCarrier) send(handle func(request) response, link string) reply {
	u, err := url.Parse(link)
	require.NoError(v.s.t, err)
	res := handle(request{query: u.Query(), jar: maps.Clone(v.jar)})
	r := reply{location: res.location, account: res.account, deliver: func() { v.keep(res.set) }}
	if res.err != nil {
		r.failed, r.text = true, res.err.Error()
	}
	return r
}

func (v *verbCarrier) keep(set jar) {
	now := maps.Clone(v.jar)
	if now == nil {
		now = jar{}
	}
	maps.Copy(now, set)
	maps.DeleteFunc(now, func(_, value string) bool { return value == "" })
	v.jar = now
}

func (v *verbCarrier) copied() carrier         { c := *v; return &c }
func (v *verbCarrier) forget()                 { v.jar = jar{"session": v.jar["session"]} }
func (v *verbCarrier) at(p *passport.Passport) { v.p = p }

func (v *verbCarrier) login(o passport.LoginOptions) reply {
	return v.send(func(r request) (w response) {
		before := r.jar.state()
		address, after, err := v.p.BeginLogin(v.s.t.Context(), before, o)
		w.location, w.err = address, err
		w.keep(before, after)
		return w
	}, "")
}

func (v *verbCarrier) callback(link string) reply {
	return v.send(func(r request) (w response) {
		before := r.jar.state()
		in, after, err := v.p.FinishLogin(v.s.t.Context(), before, r.query)
		w.location, w.err = in.ReturnTo, err
		w.keep(before, after)
		return w
	}, link)
}

func (v *verbCarrier) logout() reply {
	return v.send(func(r request) (w response) {
		before := r.jar.state()
		l, after, err := v.p.EndBrowserSession(v.s.t.Context(), before)
		w.location, w.account, w.err = l.URL, l, err
		w.keep(before, after)
		return w
	}, "")
}

func (v *verbCarrier) returned(link string) reply {
	return v.send(func(r request) (w response) {
		before := r.jar.state()
		_, after := v.p.CheckLogoutReturn(v.s.t.Context(), before,
			passport.LogoutReturn{Query: r.query, Way: passport.ReturnTopLevel})
		w.keep(before, after)
		return w
	}, link)
}

func (v *verbCarrier) session() (*passport.Session, error) {
	return v.p.Session(v.s.t.Context(), v.jar.state().Session)
}

func (v *verbCarrier) signedIn() bool {
	_, err := v.session()
	return err == nil
}

func (v *verbCarrier) unfinished() bool {
	_, unfinished := v.p.UnfinishedLogout(context.Background(), v.jar.state())
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
	r := c.send(c.p.Logout, "POST", "/logout", "Accept", "application/json")
	var answer struct{ URL, App, Revocation, Passport string }
	require.NoError(c.s.t, json.Unmarshal([]byte(r.text), &answer), r.text)
	r.location = answer.URL
	r.account = passport.Logout{
		URL:        answer.URL,
		App:        passport.Outcome(answer.App),
		Revocation: passport.Outcome(answer.Revocation),
		Passport:   passport.Outcome(answer.Passport),
	}
	return r
}

func (c *cookieCarrier) returned(link string) reply {
	return c.send(c.p.Handler(http.NotFoundHandler()).ServeHTTP, "GET", link,
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site")
}

func (c *cookieCarrier) send(h http.HandlerFunc, method, target string, header ...string) reply {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
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

func (c *cookieCarrier) session() (s *passport.Session, err error) {
	page := func(_ http.ResponseWriter, r *http.Request) { s = passport.SessionFrom(r.Context()) }
	r := c.send(c.p.Handler(http.HandlerFunc(page)).ServeHTTP, "GET", "/page")
	switch {
	case r.failed:
		return nil, errors.New(r.text)
	case s == nil:
		return nil, passport.ErrNoSession
	}
	return s, nil
}

func (c *cookieCarrier) signedIn() bool {
	_, err := c.session()
	return err == nil
}

func (c *cookieCarrier) unfinished() (unfinished bool) {
	c.send(func(_ http.ResponseWriter, r *http.Request) {
		_, unfinished = c.p.UnfinishedLogout(r.Context(), c.p.BrowserState(r))
	}, "GET", "/")
	return unfinished
}
