package passport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/storage"
)

// instanceLeeway is by how much the clocks of two instances may differ.
const instanceLeeway = 10 * time.Second

// What else is derived from secrets has kinds of its own, so that none can be taken
// for a record's ID.
const (
	kindCode       = "code"
	kindBinding    = "binding"
	kindLoginState = "login-state"
)

// newLogin is the state of a login by the browser b, to which binding binds it.
func (p *Passport) newLogin(ctx context.Context, b BrowserState, binding Secret, returnTo string) loginstate.State {
	l := loginstate.New(binding.Reveal(), p.c.Now())
	l.Logout = b.Logout.Reveal()
	l.Session, l.SessionEnd = p.presentSession(ctx, b.Session)
	l.ReturnTo = p.c.HomePath
	if len(returnTo) <= loginstate.LongestReturnTo {
		l.ReturnTo = web.LocalPath(returnTo, p.c.HomePath)
	}
	return l
}

// openLogin reads a state that came back to the browser b, or returns ErrNoLogin.
func (p *Passport) openLogin(state string, b BrowserState) (loginstate.State, error) {
	bindings := make([]string, len(b.Logins))
	for i, binding := range b.Logins {
		bindings[i] = binding.Reveal()
	}
	l, ok := p.logins.Open(state, bindings, p.c.Now())
	if !ok {
		return l, ErrNoLogin
	}
	return l, nil
}

// A login is good for one use on all instances. It is entered in the store before
// its code is used, under its seed: what goes by the text of a state is good once
// for each way to write it. The entry is indexed by the login's binding. While the
// code is being traded, a logout in that browser removes it, which tells the login
// that it comes too late; afterwards it holds the outcome, for a browser that loads
// the callback again, and for a logout that comes before the response to the login.

const (
	// outcomePoll is how often a callback that is loaded again looks whether the
	// first has finished, and outcomeWait for how long.
	outcomePoll = 50 * time.Millisecond
	outcomeWait = 10 * time.Second
)

// loginEntry is the body of an entry.
type loginEntry struct {
	Code      string `json:"code"` // a hash of it
	Finished  bool   `json:"finished,omitempty"`
	SessionID string `json:"session_id,omitempty"` // empty: the login failed
}

var (
	// errLoggedOut ends a login whose browser logged out after it was begun.
	errLoggedOut = fmt.Errorf("%w: the browser logged out before the login was finished", ErrNoLogin)

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
		err = errors.Join(storeError(err), p.records.Undo(ctx, rec))
	}
	return used, err
}

// keepOutcome keeps what came of a login, its failure too, for a browser that loads
// the callback again. That it cannot be kept is no reason to fail; errLoggedOut is.
func (p *Passport) keepOutcome(ctx context.Context, used storage.Record, code string, sessionID Secret) error {
	body, err := json.Marshal(loginEntry{Code: p.hashOfCode(code), Finished: true, SessionID: sessionID.Reveal()})
	if err != nil {
		return err
	}
	_, err = p.records.Save(ctx, p.records.Seal(used, body))
	if errors.Is(err, storage.ErrNotFound) {
		return errLoggedOut
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the outcome of a login could not be kept for a reload", "error", err)
	}
	return nil
}

// dropUse forgets the use of a login whose code has not been, or will never be,
// good for anything.
func (p *Passport) dropUse(ctx context.Context, used storage.Record) error {
	return p.records.Drop(ctx, used.ID)
}

// outcome returns what came of a login that was finished before, or is being
// finished. ErrNoLogin: it failed, its session has ended, or its code was another.
func (p *Passport) outcome(ctx context.Context, l loginstate.State, code string) (LoginResult, error) {
	for giveUp := time.Now().Add(outcomeWait); time.Now().Before(giveUp); {
		rec, err := p.records.Load(ctx, p.entry(l).ID)
		if errors.Is(err, storage.ErrNotFound) {
			return LoginResult{}, ErrNoLogin
		}
		if err != nil {
			return LoginResult{}, storeError(err)
		}
		entry, err := p.readEntry(rec)
		switch {
		case err != nil:
			return LoginResult{}, ErrNoLogin
		case entry.Code != p.hashOfCode(code):
			return LoginResult{}, errOtherCode
		case entry.Finished:
			return p.again(ctx, l, Secret(entry.SessionID))
		}
		if err := tasks.Pause(ctx, outcomePoll); err != nil {
			return LoginResult{}, err
		}
	}
	return LoginResult{}, ErrNoLogin
}

func (p *Passport) readEntry(rec storage.Record) (loginEntry, error) {
	var entry loginEntry
	body, err := p.records.Open(rec)
	if err == nil {
		err = json.Unmarshal(body, &entry)
	}
	return entry, err
}

func (p *Passport) again(ctx context.Context, l loginstate.State, sessionID Secret) (LoginResult, error) {
	s, err := p.Session(ctx, sessionID)
	if errors.Is(err, ErrNoSession) || err == nil && p.retries.Waits(s.ID()) {
		return LoginResult{}, ErrNoLogin
	}
	if err != nil {
		return LoginResult{}, err
	}
	// Not reauthenticated: a logout that came since then still counts.
	return LoginResult{Session: s, SessionID: sessionID, ReturnTo: l.ReturnTo, Reauthentication: OutcomeSkipped}, nil
}

// bindingFor returns what binds the next login to the browser b: what binds its
// others, so that its tabs share one; or something new if it has none, or if a
// logout has retired it, whose response another has crossed.
func (p *Passport) bindingFor(ctx context.Context, b BrowserState) Secret {
	if len(b.Logins) == 0 || !records.Plausible(b.Logins[0].Reveal()) {
		return Secret(loginstate.NewBinding())
	}
	if retired, err := p.isRetired(ctx, b.Logins[0]); retired || err != nil {
		return Secret(loginstate.NewBinding())
	}
	return b.Logins[0]
}

// withLogin is b with a binding among its logins.
func (b BrowserState) withLogin(binding Secret) BrowserState {
	if !slices.Contains(b.Logins, binding) {
		b.Logins = append([]Secret{binding}, b.Logins[:min(len(b.Logins), loginstate.MostBindings-1)]...)
	}
	b.begun = binding
	return b
}
