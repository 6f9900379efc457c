package passport

import (
	"context"
	"errors"
	"math"

	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// A login never undoes a logout of its browser that came after it was begun. Three
// things tell it so, whichever tab or instance they happened in:
//
//   - the browser's last logout is another than the one that it had at the
//     beginning (logoutstate.State.Overtook);
//   - the login's binding is retired: a logout leaves a mark for each binding that
//     the browser brings, removes it from the browser, and ends the sessions of
//     logins whose response has not arrived;
//   - the session that the browser had at the beginning has ended, and no other
//     login has taken its place: the logout came before the browser had the binding.
//
// The marks outlive every login that was begun before them.
const retiredLife = 2 * loginstate.Life

func (p *Passport) retiredID(binding Secret) string {
	return p.records.ID(storage.KindLoginStopped, binding.Reveal())
}

// retire stops the logins of a binding: those that are begun, those whose code is
// being traded, and those whose session has begun although their browser does not
// know it yet. It returns the IDs of the latter's sessions, which are left to end.
func (p *Passport) retire(ctx context.Context, binding Secret, app Outcome) (sessions []string, err error) {
	if app != OutcomeSkipped || p.anonymousMarks.Spend() {
		err = p.markRetired(ctx, binding)
	} else {
		p.c.Logger.WarnContext(ctx, "passport: very many logouts by browsers without a session; this one leaves no mark for logins whose requests it has crossed")
	}
	if err != nil && !notSafe(err) && !errors.Is(err, storage.ErrFull) { // a full store keeps nobody signed in
		return nil, err
	}
	removed, removeErr := p.records.DeleteMatching(ctx, storage.Match{
		Tenant: p.records.Tenant(), Kind: storage.KindLogin, SID: p.bindingIndex(binding),
	})
	for _, rec := range removed {
		if entry, err := p.readEntry(rec); err == nil && entry.SessionID != "" {
			sessions = append(sessions, p.records.ID(storage.KindSession, entry.SessionID))
		}
	}
	return sessions, errors.Join(err, removeErr)
}

func (p *Passport) markRetired(ctx context.Context, binding Secret) error {
	mark := p.records.New(storage.KindLoginStopped, binding.Reveal())
	mark.Expiry = p.c.Now().Add(retiredLife)
	return p.records.Note(ctx, mark)
}

// isRetired reports whether a binding must not be used any more.
func (p *Passport) isRetired(ctx context.Context, binding Secret) (bool, error) {
	if p.retries.Waits(p.retiredID(binding)) {
		return true, nil
	}
	return p.records.Exists(ctx, p.retiredID(binding))
}

// checkNotLoggedOut returns errLoggedOut if the browser has logged out since the
// login was begun.
func (p *Passport) checkNotLoggedOut(ctx context.Context, l loginstate.State) error {
	retired, err := p.isRetired(ctx, Secret(l.Binding))
	if err != nil {
		return storeError(err)
	}
	if retired {
		return errLoggedOut
	}
	return p.checkSessionThen(ctx, l)
}

// presentSession returns the ID of a browser's session, and the second in which it
// ends by itself; nothing if there is none. A session of which the store cannot
// tell counts as alive.
func (p *Passport) presentSession(ctx context.Context, secret Secret) (id string, end int64) {
	if !records.Plausible(secret.Reveal()) {
		return "", 0
	}
	id, _ = p.records.SessionID(secret.Reveal())
	rec, err := p.records.Load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return "", 0
	}
	if err != nil {
		return id, math.MaxInt64
	}
	h, err := p.records.OpenHead(rec)
	if err != nil || p.c.Now().Unix() >= p.end(h) || !p.records.Alive(&rec, &h) {
		return "", 0
	}
	return id, p.end(h)
}

// longestSuccession bounds how many sessions may have taken each other's place
// while a login was in progress.
const longestSuccession = 16

// checkSessionThen returns errLoggedOut if the session that the browser had when the
// login was begun has ended, unless it has ended by itself or by a login that has
// taken its place.
func (p *Passport) checkSessionThen(ctx context.Context, l loginstate.State) error {
	if l.Session == "" || p.c.Now().Unix() >= l.SessionEnd {
		return nil
	}
	id := l.Session
	for range longestSuccession {
		if p.retries.Waits(id) {
			return errLoggedOut
		}
		_, err := p.records.Load(ctx, id)
		if err == nil {
			return nil
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return storeError(err)
		}
		rec, err := p.records.Load(ctx, p.records.ID(storage.KindSuccessor, id))
		if errors.Is(err, storage.ErrNotFound) {
			return errLoggedOut
		}
		if err != nil {
			return storeError(err)
		}
		next, err := p.records.Open(rec)
		if err != nil {
			return errLoggedOut
		}
		id = string(next)
	}
	return errLoggedOut
}
