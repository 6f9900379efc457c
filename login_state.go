package passport

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/strictbase64"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/storage"
)

// A login in progress is nowhere but in its state, sealed and bound to the browser
// that began it, so that logins which are begun and never finished fill nobody's
// store. PKCE verifier and nonce follow from the seed in the state and from the
// browser's binding: neither alone gives them away.

const (
	// loginLife is how long a login may take.
	loginLife = 10 * time.Minute

	// instanceLeeway is by how much the clocks of two instances may differ.
	instanceLeeway = 10 * time.Second

	// longestReturnTo bounds what of the user's destination goes into a state, and
	// longestState what is read of one that comes back. JSON may write a byte of
	// the former as six.
	longestReturnTo = 1000
	longestState    = 12 << 10

	// mostLogins bounds the bindings of one browser, and so what a callback costs.
	mostLogins = 32
)

// loginState is what a login knows when its browser is back.
type loginState struct {
	Seed     []byte `json:"seed"`
	Begun    int64  `json:"begun"` // by Config.Now, in Unix seconds
	Order    int64  `json:"order"` // see mark
	ReturnTo string `json:"return_to,omitempty"`

	// Logout is the browser's last logout, and Asked says that it was unfinished, so
	// that the login has asked for credentials.
	Logout string `json:"logout,omitempty"`
	Asked  bool   `json:"asked,omitempty"`

	// Session is the ID of the session that the browser had, if it was alive, and
	// SessionEnd the Unix second in which that ends by itself.
	Session    string `json:"session,omitempty"`
	SessionEnd int64  `json:"session_end,omitempty"`

	MaxAge int64 `json:"max_age,omitempty"` // LoginOptions.MaxAge, in seconds

	EndsWithBrowser bool `json:"ends_with_browser,omitempty"`

	binding Secret
}

// newLoginState is the state of a login by the browser b, to which binding binds it.
func (p *Passport) newLoginState(ctx context.Context, b BrowserState, binding Secret, returnTo string) loginState {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	l := loginState{
		Seed:    seed,
		Begun:   p.c.Now().Unix(),
		Order:   time.Now().UnixNano(),
		Logout:  b.Logout.Reveal(),
		binding: binding,
	}
	l.Session, l.SessionEnd = p.presentSession(ctx, b.Session)
	l.ReturnTo = p.c.HomePath
	if len(returnTo) <= longestReturnTo {
		l.ReturnTo = web.LocalPath(returnTo, p.c.HomePath)
	}
	return l
}

func (l loginState) verifier() string { return l.derive("verifier:") }
func (l loginState) nonce() string    { return l.derive("nonce:") }

func (l loginState) derive(purpose string) string {
	sum := sha256.Sum256(append(append([]byte(purpose), l.Seed...), l.binding...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (l loginState) expiry() time.Time { return time.Unix(l.Begun, 0).Add(loginLife) }

// statePlace is what a state is bound to.
func (p *Passport) statePlace(binding Secret) []byte {
	return []byte(p.storeID(kindLoginState, binding))
}

func (p *Passport) sealLogin(l loginState) (Secret, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	return Secret(base64.RawURLEncoding.EncodeToString(p.c.keys.Seal(nil, plain, p.statePlace(l.binding)))), nil
}

// openLogin reads a state that came back to the browser b, or returns ErrNoLogin.
func (p *Passport) openLogin(state Secret, b BrowserState) (loginState, error) {
	if len(state) > longestState {
		return loginState{}, ErrNoLogin
	}
	sealed, err := strictbase64.RawURL(state.Reveal())
	if err != nil {
		return loginState{}, ErrNoLogin
	}
	for _, binding := range b.Logins[:min(len(b.Logins), mostLogins)] {
		if !plausibleID(binding.Reveal()) {
			continue
		}
		plain, err := p.c.keys.Open(nil, sealed, p.statePlace(binding))
		if err != nil {
			continue
		}
		l := loginState{binding: binding}
		if json.Unmarshal(plain, &l) != nil || !p.c.Now().Before(l.expiry()) {
			return loginState{}, ErrNoLogin
		}
		return l, nil
	}
	return loginState{}, ErrNoLogin
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
func (p *Passport) entry(l loginState) storage.Record {
	return p.newRecord(storage.KindLogin, Secret(base64.RawURLEncoding.EncodeToString(l.Seed)))
}

// bindingIndex is what the entries of a binding are indexed by.
func (p *Passport) bindingIndex(binding Secret) string { return p.storeID(kindBinding, binding) }

func (p *Passport) hashOfCode(code string) string { return p.storeID(kindCode, Secret(code)) }

// use enters a login as used, with its code. storage.ErrConflict: it was before.
// After any other error the same callback may come again, for its code has not been
// used.
func (p *Passport) use(ctx context.Context, l loginState, code string) (storage.Record, error) {
	rec := p.entry(l)
	rec.SID = p.bindingIndex(l.binding)
	rec.Expiry = l.expiry().Add(2 * exchangeTimeout) // there until it is finished
	body, err := json.Marshal(loginEntry{Code: p.hashOfCode(code)})
	if err != nil {
		return rec, err
	}
	rec = envelope.Seal(p.c.keys, rec, head{}, body)
	used, err := p.store.Save(ctx, rec)
	if err != nil && !errors.Is(err, storage.ErrConflict) {
		err = errors.Join(storeError(err), p.undo(ctx, rec))
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
	_, err = p.store.Save(ctx, envelope.Seal(p.c.keys, used, head{}, body))
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
	_, err := p.store.Delete(ctx, used.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// outcome returns what came of a login that was finished before, or is being
// finished. ErrNoLogin: it failed, its session has ended, or its code was another.
func (p *Passport) outcome(ctx context.Context, l loginState, code string) (LoginResult, error) {
	for giveUp := time.Now().Add(outcomeWait); time.Now().Before(giveUp); {
		rec, err := p.load(ctx, p.entry(l).ID)
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
	body, err := envelope.OpenBody(p.c.keys, rec)
	if err == nil {
		err = json.Unmarshal(body, &entry)
	}
	return entry, err
}

func (p *Passport) again(ctx context.Context, l loginState, sessionID Secret) (LoginResult, error) {
	s, err := p.Session(ctx, sessionID)
	if errors.Is(err, ErrNoSession) || err == nil && p.retries.waits(s.ID()) {
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
	if len(b.Logins) == 0 || !plausibleID(b.Logins[0].Reveal()) {
		return newBinding()
	}
	if retired, err := p.isRetired(ctx, b.Logins[0]); retired || err != nil {
		return newBinding()
	}
	return b.Logins[0]
}

// withLogin is b with a binding among its logins.
func (b BrowserState) withLogin(binding Secret) BrowserState {
	if !slices.Contains(b.Logins, binding) {
		b.Logins = append([]Secret{binding}, b.Logins[:min(len(b.Logins), mostLogins-1)]...)
	}
	b.begun = binding
	return b
}

// bindings counts the bindings that were made. Their first characters follow each
// other, so that tabs which begin at the same time have different cookies.
var bindings atomic.Uint32

func newBinding() Secret {
	first := base64URL[bindings.Add(1)%uint32(len(base64URL))]
	return Secret(string(first) + newID().Reveal()[1:])
}
