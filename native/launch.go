package native

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Every user of the machine can read the command line that starts a browser (in
// /proc, with ps). So the URL on it contains no state, no code challenge and no ID
// token: it names a page of the loopback server that works once, gives the browser a
// cookie, and redirects it to the auth domain. The browser must send that cookie when
// it comes back.
//
// Somebody who reads the command line can still open the page before the browser does.
// If both open it, nobody knows which is the user's browser: the login ends with an
// error and without a session. Where the system tells who is at the other end of a
// connection (Linux), other users are refused at once.

// launch is the one-time URL of a login or logout, and binds it to the browser
// that has opened that URL.
type launch struct {
	path   string
	to     func(context.Context) string // returns the URL that it redirects to
	cookie string                       // the name, different for each launch, since several may be in progress
	secret string                       // the value

	mu   sync.Mutex
	used bool
}

// launchLife is how long the browser keeps the cookie: as long as the longest wait.
const launchLife = longestLogin

var (
	errAnotherUser  = errors.New("native: another user of this machine has requested the page that was meant for the browser")
	errOpenedTwice  = errors.New("native: the page that was meant for the browser was opened a second time, by another one: somebody else may have read its URL")
	errOtherBrowser = errors.New("native: the browser that came back is not the one that was opened, or it keeps no cookies")
)

func newLaunch() *launch {
	return &launch{
		path:   "/open/" + rand.Text(),
		cookie: "passport-launch-" + rand.Text()[:8],
		secret: rand.Text(),
	}
}

func (a *launch) isAt(r *http.Request) bool { return r.URL.Path == a.path }

// isFrom reports whether r comes from the browser that opened the URL.
func (a *launch) isFrom(r *http.Request) bool {
	c, err := r.Cookie(a.cookie)
	return err == nil && subtle.ConstantTimeCompare([]byte(c.Value), []byte(a.secret)) == 1
}

// use uses the URL up, and reports whether this was the first time.
func (a *launch) use() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := !a.used
	a.used = true
	return first
}

func (a *launch) newCookie(life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name:     a.cookie,
		Value:    a.secret,
		Path:     "/",
		MaxAge:   int(life / time.Second),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // Strict would not come back from the auth domain
	}
}

// serveLaunch sends the browser to the auth domain, once.
func (l *loopback) serveLaunch(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	if l.launch.use() {
		to := l.launch.to(r.Context())
		http.SetCookie(w, l.launch.newCookie(launchLife))
		h.Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
		close(l.launched)
		return
	}
	if !l.launch.isFrom(r) {
		l.fail(errOpenedTwice)
	}
	l.show(w, r, openedTwicePage)
}
