package passport

import (
	"bytes"
	"context"
	"errors"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/storage"
)

// EndByLogoutToken logs out what a provider's logout token says (OpenID Connect
// Back-Channel Logout 1.0 §2.6, §2.7): the sessions of its sid or, without one,
// all of its sub. Nothing to log out is no error. A login that was begun before
// the token came, and is finished after it, is logged out too.
//
// A token that breaks a rule, or was used before on any instance, is an error
// and ends nothing. Refresh tokens are revoked only if
// Config.RevokeOnProviderLogout says so. A Store that is full keeps nobody signed
// in: the token takes effect, and what could not be noted of it is logged.
func (p *Passport) EndByLogoutToken(ctx context.Context, token string) (Logout, error) {
	p.revoker.begin()
	t, err := p.provider.VerifyLogoutToken(ctx, token)
	if err != nil {
		return Logout{}, err
	}
	work, cancel := p.storeCall(ctx)
	defer cancel()
	used := storage.Record{
		ID:     storeID(spaceTokenID, Secret(p.c.Issuer+" "+t.ID)),
		Expiry: p.c.Now().Add(2*provider.LogoutTokenWindow + provider.LogoutTokenLife),
	}
	used = envelope.Seal(p.c.keys, used, head{}, nil)
	_, err = p.store.Save(work, used)
	full := errors.Is(err, storage.ErrFull) // which must not keep anybody signed in
	switch {
	case errors.Is(err, storage.ErrConflict):
		return Logout{}, errors.New("passport: the logout token was used before")
	case err != nil && !full:
		return Logout{}, errors.Join(storeError(err), p.undo(ctx, used))
	}
	l, err := p.endByToken(work, t)
	if err != nil && !full {
		return l, errors.Join(err, p.undo(ctx, used))
	}
	if err == nil && full {
		_, err := p.store.Save(work, used) // there may be room now
		p.complainOfFull(err)
	}
	return l, err
}

// undo removes a new record of which nothing proves that it was stored, or that
// what it stands for took effect. One that another has stored there stays.
func (p *Passport) undo(ctx context.Context, r storage.Record) error {
	ctx, cancel := p.storeCall(ctx)
	defer cancel()
	there, err := p.store.Load(ctx, r.ID)
	if err == nil && bytes.Equal(there.Data, r.Data) {
		_, err = p.store.Delete(ctx, r.ID)
	}
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// endByToken leaves a mark first: whichever login is stored after it sees it. In
// a full store there is no room for it until the sessions have ended; those that
// were stored meanwhile are ended then.
func (p *Passport) endByToken(ctx context.Context, t provider.LogoutToken) (Logout, error) {
	meant := matchOf(t.Subject, t.SID)
	err := p.markEnded(ctx, meant, t.IssuedAt)
	full := errors.Is(err, storage.ErrFull)
	if err != nil && !full {
		l := p.newLogout()
		l.App = OutcomeFailed
		return l, storeError(err)
	}
	l, err := p.endByProvider(ctx, t.Subject, t.SID)
	if err != nil {
		return l, err
	}
	p.emit(Event{Name: EventProviderLogout, Subject: t.Subject, SID: t.SID, Context: ctx})
	if full {
		p.complainOfFull(p.markEnded(ctx, meant, t.IssuedAt))
		ended, revocation, err := p.endMatching(ctx, meant)
		if err != nil {
			return l, storeError(err)
		}
		if ended > 0 {
			l.App, l.Revocation, l.Ended = OutcomeDone, worse(l.Revocation, revocation), l.Ended+ended
		}
	}
	if t.SID == "" {
		return l, nil
	}
	if err := p.confirm(ctx, t.SID); errors.Is(err, storage.ErrFull) {
		p.complainOfFull(err)
	} else if err != nil {
		return l, storeError(err)
	}
	return l, nil
}

// complainOfFull says what a full store cost: a login that was overtaken may
// stand, the token may be used again while it is fresh, or a browser is asked
// for credentials once more.
func (p *Passport) complainOfFull(err error) {
	if err != nil {
		p.c.Logger.Error("passport: a logout token took effect, but could not be noted", "error", err)
	}
}

// matchOf selects what a provider means: the sid if it gives one (§2.6).
func matchOf(subject, sid string) storage.Match {
	if sid != "" {
		return storage.Match{SID: sid}
	}
	return storage.Match{Subject: subject}
}

// endByProvider ends what a provider has ended on its side. It goes on when the
// provider's page has moved on.
func (p *Passport) endByProvider(ctx context.Context, subject, sid string) (Logout, error) {
	ctx, cancel := p.storeCall(ctx)
	defer cancel()
	l := p.newLogout()
	l.Passport = OutcomeDone
	var err error
	l.Ended, l.Revocation, err = p.endMatching(ctx, matchOf(subject, sid))
	switch {
	case err != nil:
		l.App = OutcomeFailed
		return l, storeError(err)
	case l.Ended > 0:
		l.App = OutcomeDone
	}
	return l, nil
}

// endByFrame ends the sessions of a Passport session whose logout page says so. Such
// requests are anybody's, so one that ends nothing is no event.
func (p *Passport) endByFrame(ctx context.Context, sid string) error {
	l, err := p.endByProvider(ctx, "", sid)
	if l.Ended > 0 {
		p.emit(Event{Name: EventProviderLogout, SID: sid, Context: ctx})
	}
	return err
}

func (p *Passport) endMatching(ctx context.Context, m storage.Match) (ended int, revocation Outcome, err error) {
	if !p.c.RevokeOnProviderLogout {
		records, err := p.store.DeleteMatching(ctx, m)
		p.ended(Event{Name: EventLogout, Context: ctx}, records...)
		return len(records), OutcomeSkipped, err
	}
	debts, err := p.removeMatching(ctx, m)
	if len(debts) == 0 {
		return 0, OutcomeSkipped, err
	}
	records := make([]storage.Record, len(debts))
	for i, d := range debts {
		records[i] = d.Record
	}
	p.ended(Event{Name: EventLogout, Context: ctx}, records...)
	p.revoker.pay(debts...)
	return len(debts), OutcomePending, err
}

// endFramed ends the session of a browser whose Passport session the provider is
// just ending, and returns what the browser has to keep.
func (p *Passport) endFramed(ctx context.Context, b BrowserState) (BrowserState, error) {
	if b.Session == "" {
		return b, nil
	}
	l, removed, err := p.endOwn(ctx, b.Session, EventLogout)
	if l.App == OutcomeDone {
		p.revoker.pay(removed)
	}
	b.Session = ""
	return b, err
}
