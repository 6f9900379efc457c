package passport

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/storage"
)

// EndByLogoutToken ends the sessions that a provider's logout token names (OpenID
// Connect Back-Channel Logout 1.0 §2.6, §2.7): those of its sid or, without one,
// all of its sub. It is not an error if there are none. A login that started before
// the token arrived and finishes after it is logged out too.
//
// An invalid token, or one that was already used on any instance, is an error and
// ends nothing. Refresh tokens are revoked only with Config.RevokeOnProviderLogout.
// If the Store is full, sessions are still ended; what could not be stored about
// the token is logged.
func (p *Passport) EndByLogoutToken(ctx context.Context, token string) (Logout, error) {
	p.revoker.Begin()
	t, err := p.provider.VerifyLogoutToken(ctx, token)
	if err != nil {
		return Logout{}, err
	}
	work, cancel := p.storeCall(ctx)
	defer cancel()
	used := p.newRecord(storage.KindLogoutToken, Secret(t.ID))
	used.Expiry = p.c.Now().Add(2*provider.LogoutTokenWindow + provider.LogoutTokenLife)
	used = envelope.Seal(p.c.keys, used, head{}, nil)
	_, err = p.store.Save(work, used)
	full := errors.Is(err, storage.ErrFull) // the sessions are still ended
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

// endByToken first stores a mark, which every login that is stored later sees. If
// the store is full, there is no room for the mark until the sessions have ended;
// sessions stored meanwhile are ended then.
func (p *Passport) endByToken(ctx context.Context, t provider.LogoutToken) (Logout, error) {
	meant := matchOf(t.Subject, t.SID)
	err := p.markEnded(ctx, meant, t.IssuedAt)
	full := errors.Is(err, storage.ErrFull)
	if err == nil || full {
		err = errors.Join(err, p.endBearersByToken(ctx, t))
	}
	if err != nil && !errors.Is(err, storage.ErrFull) {
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

// complainOfFull logs the effect of a full store: an overtaken login may complete,
// the token may be used again while it is fresh, or a browser is asked for
// credentials once more.
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

// endByProvider ends the sessions that a provider has ended. It continues after the
// provider's request has ended.
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

// endByFrame ends the sessions of a Passport session on behalf of the provider's
// logout page. Anybody can send such requests, so one that ends nothing emits no
// event.
func (p *Passport) endByFrame(ctx context.Context, sid string) error {
	l, err := p.endByProvider(ctx, "", sid)
	if l.Ended > 0 {
		p.emit(Event{Name: EventProviderLogout, SID: sid, Context: ctx})
	}
	return err
}

func (p *Passport) endMatching(ctx context.Context, m storage.Match) (ended int, revocation Outcome, err error) {
	if !p.c.RevokeOnProviderLogout {
		records, err := p.store.DeleteMatching(ctx, p.ownSessions(m))
		err = errors.Join(err, p.endBearersOf(ctx, records...))
		p.ended(Event{Name: EventLogout, Context: ctx}, records...)
		return len(records), OutcomeSkipped, err
	}
	revocations, err := p.revoker.DeleteMatching(ctx, p.ownSessions(m))
	if len(revocations) == 0 {
		return 0, OutcomeSkipped, err
	}
	records := make([]storage.Record, len(revocations))
	for i, d := range revocations {
		records[i] = d.Record
	}
	err = errors.Join(err, p.endBearersOf(ctx, records...))
	p.ended(Event{Name: EventLogout, Context: ctx}, records...)
	p.revoker.Revoke(revocations...)
	return len(revocations), OutcomePending, err
}

// endFramed ends the session of a browser whose Passport session the provider is
// just ending, and returns what the browser has to keep.
func (p *Passport) endFramed(ctx context.Context, b BrowserState) (BrowserState, error) {
	if b.Session == "" {
		return b, nil
	}
	l, removed, err := p.endOwn(ctx, b.Session, EventLogout)
	if l.App == OutcomeDone {
		p.revoker.Revoke(removed)
	}
	b.Session = ""
	return b, err
}

// A logout by the provider can overtake the login that it is about: the session
// is not stored yet when the logout token comes. So a logout leaves a mark, the
// moment T at which it came, and a login that was begun before T looks for it
// after it has stored its session. Whichever of the two comes second sees the
// other.
//
// A mark concerns only logins begun before T, so it blocks nobody's next login,
// and no login needs to remove it. It ends by itself when every login begun
// before T has timed out.
const markLife = loginLife + time.Minute

// mark is the moment of a provider's logout, by two clocks: ours, in Unix
// nanoseconds, which tells what came first here (not Config.Now, which a test
// may let stand still); and the provider's, in Unix seconds, which its own times
// are compared with.
type mark struct {
	Order int64 `json:"order"`
	Time  int64 `json:"time"`
}

// markOf is where the mark for m stands.
func (p *Passport) markOf(m storage.Match) storage.Record {
	if m.SID != "" {
		return p.newRecord(storage.KindLogoutMark, Secret("sid "+m.SID))
	}
	return p.newRecord(storage.KindLogoutMark, Secret("sub "+m.Subject))
}

// markEnded leaves a mark, or moves one that is there forward. Logouts need not
// come in the order in which the provider issued them: each clock counts by
// itself.
func (p *Passport) markEnded(ctx context.Context, m storage.Match, issued time.Time) error {
	own := mark{Order: time.Now().UnixNano(), Time: issued.Unix()}
	rec := p.markOf(m)
	rec.Expiry = p.c.Now().Add(markLife)
	for {
		body, err := json.Marshal(own)
		if err != nil {
			return err
		}
		_, err = p.store.Save(ctx, envelope.Seal(p.c.keys, rec, head{}, body))
		switch {
		case errors.Is(err, storage.ErrConflict):
			there, err := p.store.Load(ctx, rec.ID)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			if err == nil {
				m := p.readMark(there)
				if m.Order >= own.Order && m.Time >= own.Time {
					return nil // a later logout was faster
				}
				own = mark{Order: max(m.Order, own.Order), Time: max(m.Time, own.Time)}
			}
			rec.Revision = there.Revision
		case errors.Is(err, storage.ErrNotFound):
			rec.Revision = 0
		default:
			return err
		}
	}
}

// overtaken reports whether the provider logged the user out after this login
// began, and before the user last gave credentials.
func (p *Passport) overtaken(ctx context.Context, begun int64, id *provider.IDToken, sid string) (bool, error) {
	matches := []storage.Match{{Subject: id.Subject}}
	if sid != "" {
		matches = append(matches, storage.Match{SID: sid})
	}
	for _, match := range matches {
		m, err := p.marked(ctx, match)
		if err != nil {
			return false, err
		}
		if begun <= m.Order && authTime(id) <= m.Time {
			return true, nil
		}
	}
	return false, nil
}

// marked returns a mark, or the zero mark if there is none.
func (p *Passport) marked(ctx context.Context, match storage.Match) (mark, error) {
	rec, err := p.store.Load(ctx, p.markOf(match).ID)
	if errors.Is(err, storage.ErrNotFound) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	return p.readMark(rec), nil
}

// readMark reads a mark. One that cannot be read still counts.
func (p *Passport) readMark(rec storage.Record) mark {
	var m mark
	body, err := envelope.OpenBody(p.c.keys, rec)
	if err != nil || json.Unmarshal(body, &m) != nil {
		return mark{Order: math.MaxInt64, Time: math.MaxInt64}
	}
	return m
}

// authTime is when the user gave credentials, in Unix seconds, or 0 if the ID token
// does not say.
func authTime(id *provider.IDToken) int64 {
	if id.AuthTime.IsZero() {
		return 0
	}
	return id.AuthTime.Unix()
}
