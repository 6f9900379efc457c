package passport

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/storage"
)

// The state of a logout is what the browser keeps until the Passport session is
// known to have ended (see package logoutstate), and what it brings back from the
// auth domain: as state from a discovered provider, and in a parameter of returnTo,
// whose query /v2/logout does not compare, from the Passport auth domain. So a
// visit to LogoutRedirectURI by any other way proves nothing.

// kindLogoutSession is what a sid is known by in the state of a logout.
const kindLogoutSession = "logout-session"

// kindLogoutReturn is what the state parameter is derived with.
const kindLogoutReturn = "logout-return"

// newLogoutState returns the state of a logout from the Passport session sid,
// which may be unknown.
func (p *Passport) newLogoutState(sid string) Secret {
	if sid == "" {
		return Secret(logoutstate.New("", p.c.Now()))
	}
	session := p.records.IDBytes(kindLogoutSession, sid)
	return Secret(logoutstate.New(string(session[:logoutstate.SessionLength]), p.c.Now()))
}

// returnState is the state parameter of a logout at a discovered provider. It is not
// the state itself, under which the logout's hint is kept: it comes back in an address
// that logs and the page's scripts see.
func (p *Passport) returnState(state Secret) Secret {
	return Secret(p.records.ID(kindLogoutReturn, state.Reveal()))
}

// confirmation is where it is noted that a Passport session has ended.
func (p *Passport) confirmation(session Secret) storage.Record {
	return p.records.New(storage.KindLogoutDone, session.Reveal())
}

func (p *Passport) confirmationOf(sid string) storage.Record {
	return p.confirmation(Secret(p.records.ID(kindLogoutSession, sid)[:logoutstate.SessionLength]))
}

// confirm notes that the provider has ended a Passport session, for browsers that
// could not know.
func (p *Passport) confirm(ctx context.Context, sid string) error {
	rec := p.confirmationOf(sid)
	rec.Expiry = p.c.Now().Add(logoutstate.Life)
	return p.records.Note(ctx, rec)
}

// unconfirm takes it back when a Passport session turns out to be alive, for
// there are providers that use a sid again.
func (p *Passport) unconfirm(ctx context.Context, sid string) error {
	if sid == "" {
		return nil
	}
	return p.records.Drop(ctx, p.confirmationOf(sid).ID)
}

// LogoutReturn is a request to LogoutRedirectURI.
type LogoutReturn struct {
	// Query is the query of the request.
	Query url.Values

	// Way is how the browser came there.
	Way ReturnWay
}

// ReturnWay is how a browser says that it came to LogoutRedirectURI: it shows
// whether the auth domain received its cookie.
type ReturnWay string

const (
	// ReturnUnknown proves nothing: the visit was not redirected, the request is
	// not a navigation, or the browser does not say.
	ReturnUnknown ReturnWay = ""

	// ReturnTopLevel is a top-level redirect, which always carries the cookies.
	ReturnTopLevel ReturnWay = "top-level"

	// ReturnFramed is an iframe that was, or may have been, redirected across
	// sites. Its cookies may have been blocked, so it proves nothing.
	ReturnFramed ReturnWay = "framed"

	// ReturnSameSite is an iframe whose redirects all stayed on one site.
	ReturnSameSite ReturnWay = "same-site"
)

// CheckLogoutReturn reports what a request to LogoutRedirectURI proves about the
// browser's last logout:
//
//   - OutcomeDone: the browser is back from the Passport auth domain's logout,
//     which has ended its session. The returned BrowserState marks the logout as
//     finished.
//   - OutcomeUnconfirmed: it is back, but that proves nothing. A hidden iframe's
//     cookies may have been blocked; a discovered provider may have asked the user,
//     who may have declined.
//   - OutcomePending: it is not the return from that logout.
//
// [Passport.Handler] and [Passport.LogoutSilentCallback] call it.
func (p *Passport) CheckLogoutReturn(ctx context.Context, b BrowserState, r LogoutReturn) (Outcome, BrowserState) {
	name, want := authdomain.ReturnParam, b.Logout
	if p.c.Discover {
		name, want = "state", p.returnState(b.Logout)
	}
	if b.Logout == "" || Secret(r.Query.Get(name)) != want {
		return OutcomePending, b
	}
	switch {
	case r.Way == ReturnUnknown:
		return OutcomeUnconfirmed, b
	case p.c.Discover:
		p.emit(Event{Name: EventPassportReturned, Context: ctx})
		return OutcomeUnconfirmed, b
	case r.Way == ReturnFramed:
		return OutcomeUnconfirmed, b
	}
	if !b.LogoutFinished {
		p.emit(Event{Name: EventPassportDone, Context: ctx})
	}
	return OutcomeDone, b.finished()
}

// Format prints nothing of the request, whatever the verb.
func (r LogoutReturn) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.LogoutReturn")
}

// MarshalText is Format for JSON and the like.
func (r LogoutReturn) MarshalText() ([]byte, error) { return fmt.Append(nil, r), nil }
