package passporttest

import (
	"net/http"
	"slices"
	"time"
)

// The names of the cookies that contain a Passport session. The second is for browsers
// that do not support SameSite=None.
const (
	sessionCookie = "auth0"
	compatCookie  = "auth0_compat"
)

// Session is a Passport session: what the auth domain knows about a browser in which a
// user is signed in.
type Session struct {
	// SID is the sid claim of the tokens issued in the session.
	SID string

	User User

	// AuthTime is when the user signed in, and Expires when the session expires;
	// zero means never.
	AuthTime time.Time
	Expires  time.Time

	// ClientIDs are the clients that have obtained tokens in the session, in the
	// order in which they first did.
	ClientIDs []string
}

type liveSession struct {
	Session
	cookie string // the secret that the browser holds
}

// Sessions returns the live Passport sessions, oldest first.
func (d *AuthDomain) Sessions() []Session {
	return d.db.liveSessions(d.now())
}

// Logins returns how many times a user has signed in, on the login page or by
// [Options.AutoLogin]. It does not count a visit to /authorize that needed no login
// because of a Passport session.
func (d *AuthDomain) Logins() int {
	d.db.mu.Lock()
	defer d.db.mu.Unlock()
	return d.db.logins
}

// signIn begins a session for user, which replaces the browser's session, and sets the
// cookies.
func (d *AuthDomain) signIn(w http.ResponseWriter, r *http.Request, user User) Session {
	now := d.now()
	s := &liveSession{
		Session: Session{SID: randomID(), User: user, AuthTime: now, Expires: expiry(now, d.options.SessionLifetime)},
		cookie:  randomID(),
	}
	d.db.beginSession(s, withCookie(cookies(r)))
	for _, c := range d.sessionCookies(r, s.cookie) {
		// Not Expires, because the browser does not use Options.Now.
		c.MaxAge = max(0, int(d.options.SessionLifetime.Seconds()))
		http.SetCookie(w, c)
	}
	return s.Session
}

// session returns the live session whose cookie the request carries.
func (d *AuthDomain) session(r *http.Request) (Session, bool) {
	return d.db.session(d.now(), withCookie(cookies(r)))
}

func (d *AuthDomain) clearCookies(w http.ResponseWriter, r *http.Request) {
	for _, c := range d.sessionCookies(r, "") {
		c.MaxAge = -1
		http.SetCookie(w, c)
	}
}

// sessionCookies returns the two cookies that Auth0 sets. At Auth0, where everything is
// https, both are Secure. Over plain http only the first is: most browsers treat http
// on a loopback host as secure and keep it, while net/http/cookiejar and Safari do not
// and use the second.
func (d *AuthDomain) sessionCookies(r *http.Request, value string) []*http.Cookie {
	return []*http.Cookie{
		{Name: sessionCookie, Value: value, Path: "/", HttpOnly: true, Secure: true, SameSite: d.options.CookieSameSite},
		{Name: compatCookie, Value: value, Path: "/", HttpOnly: true, Secure: r.TLS != nil},
	}
}

// cookies returns the session cookies that the browser sent.
func cookies(r *http.Request) []string {
	var values []string
	for _, name := range []string{sessionCookie, compatCookie} {
		if c, err := r.Cookie(name); err == nil && c.Value != "" {
			values = append(values, c.Value)
		}
	}
	return values
}

// expiry returns now plus lifetime, or zero for never.
func expiry(now time.Time, lifetime time.Duration) time.Time {
	if lifetime < 0 {
		return time.Time{}
	}
	return now.Add(lifetime)
}

func expired(expires, now time.Time) bool {
	return !expires.IsZero() && !now.Before(expires)
}

func (db *database) liveSessions(now time.Time) []Session {
	db.mu.Lock()
	defer db.mu.Unlock()
	var live []Session
	for _, s := range db.sessions {
		if !expired(s.Expires, now) {
			live = append(live, s.copy())
		}
	}
	return live
}

// copy returns the session with its own list of clients, because more may join while
// the caller reads it.
func (s *liveSession) copy() Session {
	c := s.Session
	c.ClientIDs = slices.Clone(c.ClientIDs)
	return c
}

func (db *database) session(now time.Time, is func(*liveSession) bool) (Session, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	i := db.indexOfSession(now, is)
	if i < 0 {
		return Session{}, false
	}
	return db.sessions[i].copy(), true
}

// beginSession adds s, which replaces the session for which is returns true, if any.
func (db *database) beginSession(s *liveSession, is func(*liveSession) bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.logins++
	db.sessions = slices.DeleteFunc(db.sessions, func(old *liveSession) bool {
		return is(old) || expired(old.Expires, s.AuthTime)
	})
	db.sessions = append(db.sessions, s)
}

func (db *database) endSession(now time.Time, is func(*liveSession) bool) (Session, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	i := db.indexOfSession(now, is)
	if i < 0 {
		return Session{}, false
	}
	ended := db.sessions[i].copy()
	db.sessions = slices.Delete(db.sessions, i, i+1)
	return ended, true
}

// joinSession records that a client has obtained tokens in a session. The caller holds
// the lock.
func (db *database) joinSession(sid, clientID string) {
	for _, s := range db.sessions {
		if s.SID == sid && !slices.Contains(s.ClientIDs, clientID) {
			s.ClientIDs = append(s.ClientIDs, clientID)
		}
	}
}

func (db *database) indexOfSession(now time.Time, is func(*liveSession) bool) int {
	return slices.IndexFunc(db.sessions, func(s *liveSession) bool {
		return is(s) && !expired(s.Expires, now)
	})
}

func withCookie(values []string) func(*liveSession) bool {
	return func(s *liveSession) bool { return slices.Contains(values, s.cookie) }
}

func withSID(sid string) func(*liveSession) bool {
	return func(s *liveSession) bool { return s.SID == sid }
}
