package native

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Every user of the machine can read the command line that starts a browser (in
// /proc, with ps). So the URL on it contains no state, no code challenge and no ID
// token. It names a page of the loopback server, which gives the browser a cookie and
// redirects it to a second page. That one requires the cookie, and redirects to the
// auth domain. The browser must send the cookie when it comes back, too.
//
// The first page answers at once, and the second as often as the browser asks: a login
// that is begun anew may take seconds, and users reload what takes long.
//
// Somebody who reads the command line can still open the page before the browser does.
// Each opening gets a cookie of its own, and the launch belongs to the first that
// reaches the second page. If two do, nobody knows which is the user's browser: the
// login ends with an error and without a session. Where the system tells who is at the
// other end of a connection (Linux), other users are refused at once. What only looks
// at the first page, such as a virus scanner or a link preview, keeps no cookies, and
// the browser that comes after it gets in.

// launch is the URL that starts a login or logout, and binds it to the browser that
// has followed that URL.
type launch struct {
	path   string
	onward string                       // the path of the second page
	to     func(context.Context) string // returns the URL that the second page redirects to
	cookie string                       // how the cookies' names begin, different for each launch, since several may be in progress
	key    []byte                       // authenticates the cookies

	mu      sync.Mutex
	browser []string // the names of its cookies, once it has reached the second page
}

// launchLife is how long the browser keeps the cookie. That is longer than a login, so
// that a browser which comes back after the machine has slept, or its clock was put
// right, is not taken for another.
const launchLife = 24 * time.Hour

var (
	errAnotherUser  = errors.New("native: another user of this machine has requested the page that was meant for the browser: if the browser runs as that user, sign in with a code (LoginWithDevice)")
	errOpenedTwice  = errors.New("native: the page that was meant for the browser was opened a second time, by another one: somebody else may have read its URL, or it was opened in two browsers or profiles: try again in one")
	errOtherBrowser = errors.New("native: the browser that came back is not the one that was opened, or it keeps no cookies: stay in the window, profile and container that opens (BROWSER chooses another), or sign in with a code (LoginWithDevice)")
)

func newLaunch() *launch {
	path := "/open/" + rand.Text()
	return &launch{
		path:   path,
		onward: path + "/go",
		cookie: "passport-launch-" + rand.Text()[:8] + "-",
		key:    []byte(rand.Text()),
	}
}

// isAt reports whether r asks for one of the two pages.
func (a *launch) isAt(r *http.Request) bool { return r.URL.Path == a.path || r.URL.Path == a.onward }

// openings returns the names of the cookies in r that the first page has set.
func (a *launch) openings(r *http.Request) (names []string) {
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, a.cookie) && subtle.ConstantTimeCompare([]byte(c.Value), []byte(a.value(c.Name))) == 1 {
			names = append(names, c.Name)
		}
	}
	return names
}

// claim makes the launch that of the browser with these cookies, if it is the first,
// and reports whether it is that browser's. A browser that opens the first page in
// several tabs may have several cookies.
func (a *launch) claim(openings []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.browser == nil {
		a.browser = openings
	}
	return a.has(openings)
}

// isFrom reports whether r comes from the browser that has claimed the launch.
func (a *launch) isFrom(r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.has(a.openings(r))
}

func (a *launch) has(openings []string) bool {
	return slices.ContainsFunc(openings, func(name string) bool { return slices.Contains(a.browser, name) })
}

func (a *launch) value(name string) string {
	mac := hmac.New(sha256.New, a.key)
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil))
}

func (a *launch) newCookie(name string, life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name:     name,
		Value:    a.value(name),
		Path:     "/",
		MaxAge:   int(life / time.Second),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // Strict would not come back from the auth domain
	}
}

// expiring returns the browser's cookies with a short life.
func (a *launch) expiring(life time.Duration) (cookies []*http.Cookie) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range a.browser {
		cookies = append(cookies, a.newCookie(name, life))
	}
	return cookies
}

// serveLaunch gives the browser a cookie, and sends it to the second page.
func (l *loopback) serveLaunch(w http.ResponseWriter, r *http.Request) {
	if len(l.launch.openings(r)) == 0 {
		http.SetCookie(w, l.launch.newCookie(l.launch.cookie+rand.Text(), launchLife))
	}
	redirect(w, l.launch.onward)
}

// serveOnward sends the browser with a cookie to the auth domain, and any other to
// nowhere.
func (l *loopback) serveOnward(w http.ResponseWriter, r *http.Request) {
	openings := l.launch.openings(r)
	if len(openings) == 0 {
		l.show(w, r, otherBrowserPage)
		return
	}
	if !l.launch.claim(openings) {
		l.refuse(w, r, errOpenedTwice, openedTwicePage)
		return
	}
	to := l.launch.to(l.alive) // not of r, since the browser may ask again
	select {
	case <-l.answered: // in another tab
		l.show(w, r, l.page)
	default:
		redirect(w, to)
		l.leave.Do(func() { close(l.launched) })
	}
}

// redirect answers without a body, so that nothing is shown.
func redirect(w http.ResponseWriter, to string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
