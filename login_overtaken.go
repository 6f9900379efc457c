package passport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/storage"
)

// A login never undoes a logout that its browser made after the login began. It
// learns of one in three ways, whichever tab or instance the logout happened in:
//
//   - the browser's last logout is not the one that it had when the login began
//     (logoutstate.State.Overtook);
//   - the login's binding is retired: a logout stores a mark for each binding that
//     the browser sends, removes the binding from the browser, and ends the sessions
//     of logins whose response has not reached the browser;
//   - the session that the browser had when the login began has ended, and no other
//     login has replaced it: the logout was sent before the browser had the binding.
//
// A mark outlives every login that began before it.
const retiredLife = 2 * loginstate.Life

func (p *Passport) retiredID(binding Secret) string {
	return p.records.ID(storage.KindLoginStopped, binding.Reveal())
}

// retire stops the logins of a binding: those in progress, those whose code is being
// exchanged, and those whose session exists although the browser has not received its
// cookie. It returns the IDs of those sessions, for the caller to end.
func (p *Passport) retire(ctx context.Context, binding Secret, app Outcome) (sessions []string, err error) {
	if app != OutcomeSkipped || p.anonymousMarks.Spend() {
		err = p.markRetired(ctx, binding)
	} else {
		p.c.Logger.WarnContext(ctx, "passport: too many logouts by browsers without a session; this one does not stop logins whose requests are in flight")
	}
	if errors.Is(err, storage.ErrFull) { // sessions are still ended
		p.c.Logger.ErrorContext(ctx, "passport: the store is full, so a login that was begun before a logout may end after it", "error", err)
		err = nil
	}
	if err != nil && !notSafe(err) {
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

// mostRetired bounds how many bindings of one browser a logout asks the store for.
// More come from nobody but those who make them up.
const mostRetired = 8

// stopLogins stops the logins of a browser, with what has become of its session: the
// one with the ID ended has. It returns how many sessions it has ended besides. It
// asks the store only if a login was begun there within the last ten minutes.
func (p *Passport) stopLogins(ctx context.Context, b BrowserState, app Outcome, ended string) (sessions int, err error) {
	if len(b.Logins) == 0 {
		return 0, nil
	}
	bindings := b.Logins[:min(len(b.Logins), mostRetired)]
	if app == OutcomeFailed { // the store has been waited for long enough
		p.retryBindings(bindings, app)
		return 0, nil
	}
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	var unsafe error
	for i, binding := range bindings {
		n, err := p.stopLogin(call, binding, app, ended)
		sessions += n
		if err != nil && !notSafe(err) {
			p.retryBindings(bindings[i:], app)
			return sessions, err
		}
		if err != nil && (app != OutcomeSkipped || n > 0) { // else it may be anybody's
			p.retryBindings(bindings[i:i+1], app)
			unsafe = errors.Join(unsafe, err)
		}
	}
	return sessions, unsafe
}

// stopLogin retires a binding and ends the sessions that it has begun, except the one
// with the ID ended, which has ended.
func (p *Passport) stopLogin(ctx context.Context, binding Secret, app Outcome, ended string) (sessions int, err error) {
	if !records.Plausible(binding.Reveal()) {
		return 0, nil
	}
	begun, err := p.retire(ctx, binding, app)
	for _, id := range begun {
		if id == ended {
			continue
		}
		outcome, removed, endErr := p.endSession(ctx, id, EventLogout)
		if outcome.gone() {
			p.revoker.RevokeOne(removed)
			sessions++
		}
		err = errors.Join(err, endErr)
	}
	return sessions, err
}

// unstoppedLogins are the logins of a binding that waits for the store to be retired.
type unstoppedLogins struct {
	p       *Passport
	binding Secret
}

func (u *unstoppedLogins) Do(ctx context.Context) error {
	_, err := u.p.stopLogin(ctx, u.binding, OutcomeDone, "")
	return err
}

func (u *unstoppedLogins) After(retry.Job) retry.Job { return u }

func (u *unstoppedLogins) Loses() bool { return false }

// mostUnstopped leaves most of what waits to sessions, for anybody can make bindings up.
const mostUnstopped = 50_000

// retryBindings has logins stopped later, after a logout with that outcome. Those of a
// browser without a session may be made up, and there is less room for them.
func (p *Passport) retryBindings(bindings []Secret, app Outcome) {
	most := mostUnstopped
	if app == OutcomeSkipped {
		most = mostAbsences
	}
	for _, b := range bindings {
		if !p.retries.AddUpTo(most, p.retiredID(b), &unstoppedLogins{p, b}) {
			p.c.Logger.Warn("passport: too many logouts wait for the store; logins that were begun before this one may end after it")
			return
		}
	}
}

// isRetired reports whether a logout has retired a binding.
func (p *Passport) isRetired(ctx context.Context, binding Secret) (bool, error) {
	if p.retries.Waits(p.retiredID(binding)) {
		return true, nil
	}
	return p.records.Exists(ctx, p.retiredID(binding))
}

// checkNotLoggedOut returns errLoggedOut if the browser has logged out since the
// login began.
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

// presentSession returns the ID of a browser's session and the Unix time at which it
// expires, or zero values if it has none. If the store cannot answer, the session
// counts as alive.
func (p *Passport) presentSession(ctx context.Context, secret Secret) (id string, end int64) {
	if !records.Plausible(secret.Reveal()) {
		return "", 0
	}
	id = p.records.SessionID(secret.Reveal())
	rec, err := p.records.Load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return "", 0
	}
	if err != nil {
		return id, math.MaxInt64
	}
	h, err := p.records.OpenHead(rec)
	if err != nil || !p.isLive(&rec, &h, p.c.Now().Unix()) {
		return "", 0
	}
	return id, p.end(h)
}

// longestSuccession bounds how many sessions may have replaced one another while a
// login was in progress.
const longestSuccession = 16

// checkSessionThen returns errSessionEnded if the session that the browser had when the
// login began has ended, unless it expired or a login replaced it.
func (p *Passport) checkSessionThen(ctx context.Context, l loginstate.State) error {
	if l.Session == "" || p.c.Now().Unix() >= l.SessionEnd {
		return nil
	}
	id := l.Session
	for range longestSuccession {
		if p.retries.Waits(id) {
			return errSessionEnded
		}
		switch ended, err := p.hasEnded(ctx, id); {
		case err != nil:
			return storeError(err)
		case !ended:
			return nil
		}
		rec, err := p.records.Load(ctx, p.records.ID(storage.KindSuccessor, id))
		if errors.Is(err, storage.ErrNotFound) {
			return errSessionEnded
		}
		if err != nil {
			return storeError(err)
		}
		next, err := p.records.Open(rec)
		if err != nil {
			return errSessionEnded
		}
		id = string(next)
	}
	return errSessionEnded
}

// hasEnded reports whether a session has ended otherwise than by its expiry. One that
// cannot be read has not.
func (p *Passport) hasEnded(ctx context.Context, id string) (bool, error) {
	rec, err := p.records.Load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	h, err := p.records.OpenHead(rec)
	return err == nil && !p.records.Alive(&rec, &h), nil
}

// What else is derived from secrets has kinds of its own, so that none can be taken
// for a record's ID.
const (
	kindCode    = "code"
	kindBinding = "binding"
)

// A login is good for one use on all instances. It is entered in the store before
// its code is used, under its seed: what goes by the text of a state is good once
// for each way to write it. The entry is indexed by the login's binding. While the
// code is being traded, a logout in that browser removes it, which tells the login
// that it comes too late; afterwards it holds the outcome, for a browser that loads
// the callback again, and for a logout that comes before the response to the login.

// loginEntry is the body of an entry.
type loginEntry struct {
	Code      string `json:"code"` // a hash of it
	Finished  bool   `json:"finished,omitempty"`
	SessionID string `json:"session_id,omitempty"` // empty: the login failed
}

var (
	// errLoggedOut ends a login whose browser logged out after it was begun.
	errLoggedOut = fmt.Errorf("%w: the browser logged out before the login was finished", ErrNoLogin)

	// errSessionEnded ends a login whose browser had a session when it was begun, which
	// has ended since: by a logout that was sent before the browser had the binding. To
	// an instance with a store of its own, it looks the same.
	errSessionEnded = fmt.Errorf("%w: the session that the browser had when it began the login has ended, or is in another instance's store", ErrNoLogin)

	// errOtherCode is for a state that comes back with another code than before.
	errOtherCode = fmt.Errorf("%w: the login was finished with another code", ErrNoLogin)
)

// entry is where a login is entered.
func (p *Passport) entry(l loginstate.State) storage.Record {
	return p.records.New(storage.KindLogin, l.Key())
}

// bindingIndex is what the entries of a binding are indexed by.
func (p *Passport) bindingIndex(binding Secret) string {
	return p.records.ID(kindBinding, binding.Reveal())
}

func (p *Passport) hashOfCode(code string) string { return p.records.ID(kindCode, code) }

// use enters a login as used, with its code. storage.ErrConflict: it was before.
// After any other error the same callback may come again, for its code has not been
// used.
func (p *Passport) use(ctx context.Context, l loginstate.State, code string) (storage.Record, error) {
	rec := p.entry(l)
	rec.SID = p.bindingIndex(Secret(l.Binding))
	rec.Expiry = l.Expiry().Add(2 * exchangeTimeout) // there until it is finished
	body, err := json.Marshal(loginEntry{Code: p.hashOfCode(code)})
	if err != nil {
		return rec, err
	}
	rec = p.records.Seal(rec, body)
	used, err := p.records.Save(ctx, rec)
	if err != nil && !errors.Is(err, storage.ErrConflict) {
		err = errors.Join(storeError(err), p.records.Undo(ctx, rec, err))
	}
	return used, err
}

// keepOutcome keeps what came of a login, its failure too, for a browser that loads
// the callback again. A session that it cannot be kept of must not be given out: the
// entry is where a logout finds it that comes before the response, and whether one has
// come is not known.
func (p *Passport) keepOutcome(ctx context.Context, used storage.Record, code string, sessionID Secret) error {
	body, err := json.Marshal(loginEntry{Code: p.hashOfCode(code), Finished: true, SessionID: sessionID.Reveal()})
	if err != nil {
		return err
	}
	_, err = p.records.Save(ctx, p.records.Seal(used, body))
	if errors.Is(err, storage.ErrNotFound) {
		return errLoggedOut
	}
	if err != nil && !notSafe(err) {
		return storeError(err)
	}
	return nil
}

// dropUse forgets the use of a login whose code has not been, or will never be,
// good for anything. It goes around the circuit, for the same callback may come again:
// no more wait here than [Passport.use] had let in.
func (p *Passport) dropUse(ctx context.Context, used storage.Record) error {
	return p.records.Drop(circuit.Around(ctx), used.ID)
}

func (p *Passport) readEntry(rec storage.Record) (loginEntry, error) {
	var entry loginEntry
	body, err := p.records.Open(rec)
	if err == nil {
		err = json.Unmarshal(body, &entry)
	}
	return entry, err
}

// exchangeTimeout bounds the work of FinishLogin.
const exchangeTimeout = 30 * time.Second
