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
// session. For the last, its value is derived from the sid, and the logout token
// leaves a record under it.

// guardLife is how long a browser keeps it. Auth0 ends a session by itself
// after 30 days at the latest.
const guardLife = 30 * 24 * time.Hour

// guardOf returns the guard for a logout from the Passport session sid.
func guardOf(sid string) Secret {
	if sid == "" {
		return newID()
	}
	return Secret(storeID(spaceGuard, Secret(sid)))
}

func confirmedID(guard Secret) string { return storeID(spaceConfirmed, guard) }

// confirm notes that the provider has ended a Passport session, for the guards
// of browsers that could not know.
func (p *Passport) confirm(ctx context.Context, sid string) error {
	rec := storage.Record{ID: confirmedID(guardOf(sid)), Expiry: p.c.Now().Add(guardLife)}
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
	_, err := p.store.Delete(ctx, confirmedID(guardOf(sid)))
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
	_, err := p.store.Load(r.Context(), confirmedID(guard))
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
	l.Mode, l.Passport = LogoutRedirect, Unconfirmed
	return l, true
}
