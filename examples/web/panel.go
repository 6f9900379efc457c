package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// light is what is known of a session.
type light string

const (
	none    light = "none" // there has not been one in this browser
	alive   light = "alive"
	ended   light = "ended"
	unknown light = "unknown"
)

// panel is what a browser is shown of its two sessions, and of what happened
// last.
type panel struct {
	App, Passport light
	Chapter       chapter
	Fault         fault
	Faults        []fault // empty with the real auth domain
}

// Doubt reports a Passport session that lives on, or may do, although its user
// has signed out of the site.
func (p panel) Doubt() bool { return p.App == ended && p.Passport != ended }

// panel looks the sessions up now. open is false once the program is about to
// end.
func (s *site) panel(r *http.Request) (p panel, changed <-chan struct{}, open bool) {
	p.Chapter, p.Fault, changed, open = s.journal.read()
	if s.auth != nil {
		p.Faults = faults
	}
	p.App, p.Passport = none, none
	if v, ok := lastVisit(r); ok {
		p.App = s.appLight(r.Context(), v)
		p.Passport = s.passportLight(r, v, p.App)
	}
	return p, changed, open
}

func (s *site) appLight(ctx context.Context, v visit) light {
	if _, err := s.store.Load(ctx, v.session); err != nil {
		return ended
	}
	return alive
}

// passportLight is the truth where the stand-in can be asked, and otherwise
// what the site can tell from outside.
func (s *site) passportLight(r *http.Request, v visit, app light) light {
	if s.auth != nil {
		if slices.ContainsFunc(s.auth.Sessions(), func(p passporttest.Session) bool { return p.SID == v.sid }) {
			return alive
		}
		return ended
	}
	if app == alive {
		return alive
	}
	if _, open := s.redirect.UnfinishedLogout(r.Context(), s.redirect.BrowserState(r)); open {
		return unknown
	}
	return ended
}

// visit names the sessions that a browser had last, so that the panel can tell
// what has become of them. Neither name is a secret.
type visit struct{ session, sid string }

const visitCookie = "passport-example-visit"

// remember writes the visit down in the browser.
func remember(w http.ResponseWriter, r *http.Request, session *passport.Session) {
	info := session.Info()
	v := &http.Cookie{
		Name: visitCookie, Value: info.ID + "." + info.SID,
		Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	http.SetCookie(w, v)
	r.AddCookie(v)
}

func lastVisit(r *http.Request) (visit, bool) {
	// The last one is what remember has just added.
	cookies := r.CookiesNamed(visitCookie)
	if len(cookies) == 0 {
		return visit{}, false
	}
	session, sid, ok := strings.Cut(cookies[len(cookies)-1].Value, ".")
	return visit{session, sid}, ok
}
