package doctor

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/internal/strictbase64"
	"github.com/passport-go/passport/internal/text"
)

// loginFacts is what became known of the program's logins.
type loginFacts struct {
	authorize string // the provider's endpoint, as this configuration has it
	params    url.Values
	begun     []begunLogin

	unreachable bool // the program did not answer
}

// begunLogin is a login that the program has begun.
type begunLogin struct {
	to      *url.URL
	res     response
	cookies []*http.Cookie
}

func (b begunLogin) state() string { return b.to.Query().Get("state") }

// once is what no other login has: its state, or what stands for a request that was
// pushed (RFC 9126 §2.2).
func (b begunLogin) once() string { return or(b.state(), b.to.Query().Get("request_uri")) }

// mostLogins is how many logins are begun, each over a connection of its own, to see
// whether instances differ.
const mostLogins = 4

// checkProgram is the way of a browser through the program, in order: what does not
// work is not gone beyond.
func (e *examination) checkProgram(ctx context.Context) {
	if e.expectLogin(ctx); e.login.authorize == "" {
		return
	}
	for range mostLogins {
		b, ok := e.beginLogin(ctx)
		if !ok {
			break
		}
		e.login.begun = append(e.login.begun, b)
	}
	if e.login.unreachable {
		return
	}
	if len(e.login.begun) > 0 {
		e.checkLogins()
		e.checkCallback(ctx)
	}
	e.checkLogout(ctx)
	e.checkOrigins(ctx)
	switch {
	case e.c.LogoutRedirectURI == "":
	case e.c.LogoutMode == passport.LogoutSilent:
		e.checkSilent(ctx)
	default:
		e.checkReturn(ctx)
	}
	e.checkHome(ctx)
	e.checkLookUp(ctx)
}

// expectLogin asks the SDK where a login of this configuration goes.
func (e *examination) expectLogin(ctx context.Context) {
	address, _, err := e.p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
	if err != nil {
		if e.provider.answers && !e.has("discovery.unreadable") && !e.has("client.refused") && !e.has("login.refused") {
			e.find("provider.unreachable", "a login cannot begin: %s", reason(err))
		}
		return
	}
	u, err := url.Parse(address)
	if err != nil {
		return
	}
	e.login.params = u.Query()
	u.RawQuery = ""
	e.login.authorize = u.String()
}

// beginLogin goes to the program's login, as a browser, until it sends the browser to
// the provider.
func (e *examination) beginLogin(ctx context.Context) (begunLogin, bool) {
	res, end, err := e.visit(ctx, e.at.login, func(to *url.URL) bool {
		if to.Query().Has("passport_host") {
			e.find("proxy.host", "%s sends the browser on to the same host once more", e.at.login)
		}
		return strings.HasPrefix(to.String(), e.at.origin+"/") && !at(to, e.login.authorize) // which may be on the same host
	})
	if err != nil {
		e.login.unreachable = true
		e.unreachable("program.unreachable", e.at.login, err)
		return begunLogin{}, false
	}
	e.checkExpiry(res)
	if to := res.location(); to != nil && at(to, e.login.authorize) {
		b := begunLogin{to: to, res: res, cookies: res.Cookies()}
		e.secrets = append(e.secrets, b.state(), to.Query().Get("nonce"), to.Query().Get("code_challenge"))
		return b, true
	}
	e.noLogin(ctx, res, end)
	return begunLogin{}, false
}

// noLogin says what the program does instead of beginning a login.
func (e *examination) noLogin(ctx context.Context, res response, end *url.URL) {
	switch {
	case res.location() != nil:
		e.find("login.elsewhere", "%s sends the browser to %s, and the provider is at %s", e.at.login, place(end), e.login.authorize)
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed:
		if prefix := e.findPrefix(ctx); prefix != "" {
			e.find("proxy.prefix", "%s answers %d, and %s begins a login", e.at.login, res.StatusCode, e.at.origin+prefix+"/login")
			return
		}
		e.find("login.not-found", "%s answers %d", place(end), res.StatusCode)
	case res.StatusCode >= 500:
		e.find("login.failed", "%s answers %d", place(end), res.StatusCode)
	default:
		e.find("login.not-login", "%s answers %d with a page", place(end), res.StatusCode)
	}
}

// findPrefix looks for the login below the folders of RedirectURI.
func (e *examination) findPrefix(ctx context.Context) string {
	u, err := url.Parse(e.c.RedirectURI)
	if err != nil || e.at.prefix != "" {
		return ""
	}
	for dir := path.Dir(u.EscapedPath()); dir != "/" && dir != "."; dir = path.Dir(dir) {
		res, _, err := e.visit(ctx, e.at.origin+dir+"/login", func(*url.URL) bool { return false })
		if err == nil && res.location() != nil {
			return dir
		}
	}
	return ""
}

// checkLookUp shows the program a session that does not exist, which Handler looks up.
func (e *examination) checkLookUp(ctx context.Context) {
	statuses := [2]int{}
	for i := range statuses {
		r, err := navigation(e.at.home)
		if err != nil {
			return
		}
		if i == 1 {
			name := strings.TrimSuffix(e.at.cookie, "-login-")
			r.AddCookie(&http.Cookie{Name: name, Value: strings.Repeat("A", 43)}) // as long as one that does
		}
		res, err := e.send(ctx, nil, r)
		if err != nil {
			return
		}
		statuses[i] = res.StatusCode
	}
	if statuses[1] == http.StatusServiceUnavailable && statuses[0] != statuses[1] {
		e.find("store.down", "%s answers %d to a browser with a session's cookie, and %d to one without it", e.at.home, statuses[1], statuses[0])
	}
}

// checkLogins compares the logins with the configuration and with each other.
func (e *examination) checkLogins() {
	first := e.login.begun[0]
	e.checkParams(first.to.Query())
	e.checkProgramClock(first.res)
	e.checkCookies(first)
	e.checkCached()
	e.checkKeyIDs()
}

// checkParams finds out whether the program runs with another configuration.
func (e *examination) checkParams(got url.Values) {
	for _, name := range []string{"client_id", "redirect_uri", "audience"} {
		if want := e.login.params.Get(name); got.Get(name) != want && got.Has("redirect_uri") {
			e.find("config.differs", "the program's login has %s %q, and this configuration %q", name, text.Line(got.Get(name), 255), want)
		}
	}
}

func (e *examination) checkProgramClock(res response) {
	if !res.clockIsKnown || !e.provider.clockIsKnown {
		return
	}
	if ahead := res.clock - e.provider.clock; ahead.Abs() > max(clocksAgree, e.leeway()) {
		e.find("clock.program", "the Date of the program's responses is %s the provider's", aheadOf(ahead))
	}
}

// checkCached looks for a cache in front of the program. No two logins are alike.
func (e *examination) checkCached() {
	first := e.login.begun[0]
	if !strings.Contains(strings.ToLower(first.res.Header.Get("Cache-Control")), "no-store") {
		e.find("cache.stored", "the login's Cache-Control is %q, and the program sends no-store", first.res.Header.Get("Cache-Control"))
	}
	for _, b := range e.login.begun[1:] {
		if b.once() != "" && b.once() == first.once() {
			e.find("cache.login", "two requests for %s got the same response", e.at.login)
		}
	}
}

// checkKeyIDs compares the keys that the states of the logins were sealed with, by
// their IDs, with each other and with the configuration.
func (e *examination) checkKeyIDs() {
	var ids []string
	for _, b := range e.login.begun {
		sealed, err := strictbase64.RawURL(b.state())
		if err != nil {
			return
		}
		id, ok := seal.KeyID(sealed)
		if !ok {
			return
		}
		if hexed := hex.EncodeToString(id[:]); !slices.Contains(ids, hexed) {
			ids = append(ids, hexed)
		}
	}
	known := 0
	for _, key := range e.c.EncryptionKeys {
		id := seal.IDOf(key)
		if slices.Contains(ids, hex.EncodeToString(id[:])) {
			known++
		}
	}
	all := strings.Join(ids, ", ")
	switch {
	case len(ids) > 1 && known == len(ids):
		e.find("encryption-keys.rotating", "%d logins were sealed with the keys of the IDs %s", len(e.login.begun), all)
	case len(ids) > 1:
		e.find("encryption-keys.differ", "%d logins were sealed with the keys of the IDs %s", len(e.login.begun), all)
	case known == 0 && len(e.c.EncryptionKeys) > 0:
		e.find("encryption-keys.other", "the program seals with the key of the ID %s, which this configuration does not have", all)
	}
}
