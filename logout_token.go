package passport

import (
	"context"
	"errors"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/marks"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/storage"
)

// EndByLogoutToken ends the sessions that a provider's logout token names (OpenID
// Connect Back-Channel Logout 1.0 §2.6, §2.7): those of its sid or, without one,
// all of its sub. It is not an error if there are none. A login that started before
// the token arrived and finishes after it is logged out too.
//
// An invalid token, or one that was already used on any instance, is an error and
// ends nothing. A token is used once it has taken effect: after an error that wraps
// ErrStoreUnavailable, or a crash, it may be sent again. ErrKeysUnavailable: it cannot be
// verified right now. Refresh tokens are revoked only with Config.RevokeOnProviderLogout.
// If the Store is full, sessions are still ended; what could not be stored about the
// token is logged.
func (p *Passport) EndByLogoutToken(ctx context.Context, token string) (Logout, error) {
	ctx, span := p.within(ctx, OperationProviderLogout)
	l, err := p.endByLogoutToken(ctx, token)
	span.Ended(err)
	return l, err
}

// endByLogoutToken notes that the token was used only after it has taken effect: until
// then it may be sent again, wherever this attempt ended, and to any instance. Taking
// effect twice is the same as once.
func (p *Passport) endByLogoutToken(ctx context.Context, token string) (Logout, error) {
	p.revoker.Begin()
	t, err := p.provider.VerifyLogoutToken(ctx, token)
	if err != nil {
		return Logout{}, keysError(err)
	}
	work, cancel := p.records.Bound(circuit.Insist(ctx)) // nothing tries it again
	defer cancel()
	used := p.records.New(storage.KindLogoutToken, t.ID)
	used.Expiry = p.c.Now().Add(2*provider.LogoutTokenWindow + provider.LogoutTokenLife)
	switch _, err := p.records.Load(work, used.ID); {
	case err == nil:
		return Logout{}, errUsedBefore
	case !errors.Is(err, storage.ErrNotFound):
		return Logout{}, storeError(err)
	}
	l, err := p.endByToken(work, t)
	if err != nil && !notSafe(err) {
		return l, err
	}
	_, noted := p.records.Put(work, used, nil)
	if errors.Is(noted, storage.ErrConflict) { // somebody sent it twice at once
		return Logout{}, errUsedBefore
	}
	p.complainUnnoted(noted)
	return l, err
}

var errUsedBefore = errors.New("passport: the logout token was used before")

// endByToken first stores a mark, which every login that is stored later sees. If
// the store is full, there is no room for the mark until the sessions have ended;
// sessions stored meanwhile are ended then.
func (p *Passport) endByToken(ctx context.Context, t provider.LogoutToken) (Logout, error) {
	meant := matchOf(t.Subject, t.SID)
	now := p.c.Now()
	unsafe, err := p.markOvertaken(ctx, t)
	full := errors.Is(err, storage.ErrFull)
	if err == nil || full {
		err = errors.Join(err, p.endBearersByToken(ctx, t))
	}
	if notSafe(err) {
		unsafe, err = errors.Join(unsafe, err), nil
	}
	if err != nil && !errors.Is(err, storage.ErrFull) {
		l := newLogout(p.c.LogoutMode)
		l.App = OutcomeFailed
		return l, storeError(err)
	}
	l, err := p.endByProvider(ctx, t.Subject, t.SID)
	if err != nil && !notSafe(err) {
		return l, err
	}
	p.rememberEnded(meant, now)
	if unsafe = errors.Join(unsafe, err); unsafe != nil {
		l.App = OutcomePending
	}
	p.emit(Event{Name: EventProviderLogout, Subject: t.Subject, SID: t.SID, Context: ctx})
	if full {
		p.complainUnnoted(p.overtaken.Mark(ctx, ownerOf(t), t.IssuedAt))
		ended, revocation, err := p.endMatching(ctx, meant)
		if err != nil && !notSafe(err) {
			return l, storeError(err)
		}
		if ended > 0 {
			unsafe = errors.Join(unsafe, err)
			l.App, l.Revocation, l.Ended = appOutcome(unsafe), worse(l.Revocation, revocation), l.Ended+ended
		}
	}
	if t.SID == "" {
		return l, unsafe
	}
	if err := p.confirm(ctx, t.SID); errors.Is(err, storage.ErrFull) {
		p.complainUnnoted(err)
	} else if err != nil {
		return l, storeError(err)
	}
	return l, unsafe
}

// markOvertaken leaves the mark of a provider's logout. unsafe: a fail-over may undo
// it, and it is done again.
func (p *Passport) markOvertaken(ctx context.Context, t provider.LogoutToken) (unsafe, err error) {
	err = p.overtaken.Mark(ctx, ownerOf(t), t.IssuedAt)
	if !notSafe(err) {
		return nil, err
	}
	p.retries.Add("logout "+string(ownerOf(t)), &unsafeMark{p, t})
	return err, nil
}

// unsafeMark is the mark of a provider's logout that a fail-over may undo.
type unsafeMark struct {
	p *Passport
	t provider.LogoutToken
}

func (m *unsafeMark) Do(ctx context.Context) error {
	return m.p.overtaken.Mark(ctx, ownerOf(m.t), m.t.IssuedAt)
}

func (m *unsafeMark) After(retry.Job) retry.Job { return m }

func (m *unsafeMark) Loses() bool { return false }

// complainUnnoted logs the effect of a store that is full, or fails once the sessions
// have ended: an overtaken login may complete, the token may be used again while it is
// fresh, or a browser is asked for credentials once more.
func (p *Passport) complainUnnoted(err error) {
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

// ownerOf is the same for marks.
func ownerOf(t provider.LogoutToken) marks.Owner {
	if t.SID != "" {
		return marks.OfSID(t.SID)
	}
	return marks.OfSubject(t.Subject)
}

// endByProvider ends the sessions that a provider has ended. It continues after the
// provider's request has ended.
func (p *Passport) endByProvider(ctx context.Context, subject, sid string) (Logout, error) {
	ctx, cancel := p.records.Bound(ctx)
	defer cancel()
	l := newLogout(p.c.LogoutMode)
	l.Passport = OutcomeDone
	var err error
	l.Ended, l.Revocation, err = p.endMatching(ctx, matchOf(subject, sid))
	switch {
	case err != nil && !notSafe(err):
		l.App = OutcomeFailed
		return l, storeError(err)
	case err != nil || l.Ended > 0:
		l.App = appOutcome(err)
	}
	return l, err
}

// endByFrame ends the sessions of a Passport session on behalf of the provider's
// logout page. Anybody can send such requests, so one that ends nothing emits no
// event.
func (p *Passport) endByFrame(ctx context.Context, sid string) error {
	if !provider.PlausibleName(sid) { // no session has it, and a store need not take such a text
		return nil
	}
	now := p.c.Now()
	l, err := p.endByProvider(circuit.Insist(ctx), "", sid)
	if notSafe(err) {
		err = nil // it will be; the browser can do nothing about it
	}
	if l.Ended > 0 {
		p.rememberEnded(storage.Match{SID: sid}, now)
		p.emit(Event{Name: EventProviderLogout, SID: sid, Context: ctx})
	}
	return err
}

func (p *Passport) endMatching(ctx context.Context, m storage.Match) (ended int, revocation Outcome, err error) {
	if !p.c.RevokeOnProviderLogout {
		records, err := p.records.DeleteMatching(ctx, p.records.OwnSessions(m))
		err = errors.Join(p.makeSafe(err, EventLogout, records...), p.endBearersOf(ctx, records...))
		p.announceEnd(Event{Name: EventLogout, Context: ctx}, records...)
		return len(records), OutcomeSkipped, err
	}
	revocations, err := p.deleteSessions(ctx, m)
	if len(revocations) == 0 {
		return 0, OutcomeSkipped, err
	}
	records := make([]storage.Record, len(revocations))
	for i, d := range revocations {
		records[i] = d.Record
	}
	err = errors.Join(p.makeSafe(err, EventLogout, records...), p.endBearersOf(ctx, records...))
	p.announceEnd(Event{Name: EventLogout, Context: ctx}, records...)
	p.revoker.Revoke(revocations...)
	return len(revocations), OutcomePending, err
}

// endFramed ends the session of a browser whose Passport session the provider is
// just ending, and returns what the browser has to keep.
func (p *Passport) endFramed(ctx context.Context, b BrowserState) (BrowserState, error) {
	if b.Session == "" {
		return b, nil
	}
	app, removed, err := p.endHeld(ctx, b.Session)
	if app.gone() {
		p.revoker.RevokeOne(removed)
	}
	b.Session = ""
	if notSafe(err) {
		err = nil // as in endByFrame
	}
	return b, err
}

// overtook reports whether the provider logged the user out after this login began,
// and before the user last gave credentials.
func (p *Passport) overtook(ctx context.Context, begun int64, id *provider.IDToken, sid string) (bool, error) {
	owners := []marks.Owner{marks.OfSubject(id.Subject)}
	if sid != "" {
		owners = append(owners, marks.OfSID(sid))
	}
	for _, owner := range owners {
		overtaken, err := p.overtaken.Overtook(ctx, owner, begun, id.AuthTime)
		if overtaken || err != nil {
			return overtaken, err
		}
	}
	return false, nil
}

// providerOrigins are those of the provider's own pages.
func (p *Passport) providerOrigins() []string { return p.provider.Origins() }
