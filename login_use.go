package passport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/storage"
)

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
