package passport

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/storage"
)

// After a logout the browser keeps a cookie until it is known that the Passport
// session has ended too: its guard. While it is there, a login asks for
// prompt=login, so that nobody is signed straight back in.
//
// The guard is lifted by the browser's return from the auth domain, by a login
// that has asked for credentials, or by a logout token for the same Passport
// session. For the last, its first half is derived from the sid, and the logout
// token leaves a record under that. The second half is random: other apps of the
// user know the sid too, and must not be able to feign the return.

// guardLife is how long a browser keeps it. Auth0 ends a session by itself
// after 30 days at the latest.
const guardLife = 30 * 24 * time.Hour

// guardHalf is how much of a guard says which Passport session it is about: 126
// bits, and the other half has 128 at least.
const guardHalf = 21

// newGuard returns the guard for a logout from the Passport session sid, which
// may be unknown.
func newGuard(sid string) Secret {
	if sid == "" {
		return newID()
	}
	return guardedSession(sid) + newID()[guardHalf:]
}

// guardedSession is the half that all guards of a Passport session share.
func guardedSession(sid string) Secret {
	return Secret(storeID(spaceGuard, Secret(sid)))[:guardHalf]
}

// confirmedID is where it is noted that a Passport session has ended.
func confirmedID(guardedSession Secret) string { return storeID(spaceConfirmed, guardedSession) }

// confirm notes that the provider has ended a Passport session, for the guards
// of browsers that could not know.
func (p *Passport) confirm(ctx context.Context, sid string) error {
	rec := storage.Record{ID: confirmedID(guardedSession(sid)), Expiry: p.c.Now().Add(guardLife)}
	_, err := p.store.Save(ctx, envelope.Seal(p.c.keys, rec, head{}, nil))
	if errors.Is(err, storage.ErrConflict) {
		return nil
	}
	return err
}

// unconfirm takes it back when a Passport session turns out to be alive, for
// there are providers that use a sid again.
func (p *Passport) unconfirm(ctx context.Context, sid string) error {
	if sid == "" {
		return nil
	}
	_, err := p.store.Delete(ctx, confirmedID(guardedSession(sid)))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// guarded reports whether this browser has a logout behind it that is not known
// to be complete. A store that does not answer lifts no guard.
func (p *Passport) guarded(r *http.Request) bool {
	guard := p.cookies.get(r, p.cookies.logout)
	if guard == "" {
		return false
	}
	_, err := p.store.Load(r.Context(), confirmedID(guard[:guardHalf]))
	return err != nil
}

// UnfinishedLogout reports a logout from this browser that is not known to have
// ended the Passport session, so that the app can offer the URL that does. It
// costs nothing for a browser without one.
func (p *Passport) UnfinishedLogout(r *http.Request) (Logout, bool) {
	if !p.guarded(r) {
		return Logout{}, false
	}
	l := p.newLogout()
	p.sendTo(r.Context(), &l, storage.Record{}, p.cookies.get(r, p.cookies.logout))
	l.Mode, l.Passport = LogoutRedirect, OutcomeUnconfirmed
	return l, true
}
