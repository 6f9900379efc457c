package passport

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// A login in progress is nowhere but in its state, sealed and bound to the
// browser that began it, so that those who begin and never finish fill nobody's
// store. PKCE verifier and nonce follow from the seed in the state and the
// browser's own secret: neither alone gives them away.
//
// A state that comes back is entered in the store before its code is used, so
// that it is good for one use on all instances. While the code is being traded the
// entry is found by the browser, and a logout there removes it, which tells the
// login that it comes too late. Afterwards it holds the outcome, for a browser that
// loads the callback again.

const (
	// loginLife is how long a login may take.
	loginLife = 10 * time.Minute

	// longestReturnTo bounds what of the user's destination goes into a state.
	longestReturnTo = 1000

	// outcomePoll is how often a callback that is loaded again looks whether
	// the first has finished, and outcomeWait for how long.
	outcomePoll = 50 * time.Millisecond
	outcomeWait = 10 * time.Second
)

type pendingLogin struct {
	Seed     []byte `json:"seed"`
	Begun    int64  `json:"begun"` // by Config.Now, in Unix seconds
	Order    int64  `json:"order"` // see mark
	ReturnTo string `json:"return_to,omitempty"`
	Prompt   string `json:"prompt,omitempty"`

	browser Secret
}

func (p *Passport) newPending(browser Secret, o LoginOptions) pendingLogin {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	l := pendingLogin{
		Seed:    seed,
		Begun:   p.c.Now().Unix(),
		Order:   time.Now().UnixNano(),
		Prompt:  o.Prompt,
		browser: browser,
	}
	if len(o.ReturnTo) <= longestReturnTo {
		l.ReturnTo = localPath(o.ReturnTo, "/")
	}
	return l
}

func (l pendingLogin) verifier() string { return l.derive("verifier:") }
func (l pendingLogin) nonce() string    { return l.derive("nonce:") }

func (l pendingLogin) derive(purpose string) string {
	sum := sha256.Sum256(append(append([]byte(purpose), l.Seed...), l.browser...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// statePlace is what a state is bound to.
func statePlace(browser Secret) []byte { return []byte(storeID(spaceLogin, browser)) }

func (l pendingLogin) state(keys *seal.Keys) (Secret, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	return Secret(base64.RawURLEncoding.EncodeToString(keys.Seal(nil, plain, statePlace(l.browser)))), nil
}

// openState reads a state that came back, or returns ErrNoLogin.
func (p *Passport) openState(state, browser Secret) (pendingLogin, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(state.Reveal())
	if err != nil || !plausibleID(browser.Reveal()) {
		return pendingLogin{}, ErrNoLogin
	}
	plain, err := p.c.keys.Open(nil, sealed, statePlace(browser))
	if err != nil {
		return pendingLogin{}, ErrNoLogin
	}
	l := pendingLogin{browser: browser}
	if json.Unmarshal(plain, &l) != nil || !p.c.Now().Before(l.expiry()) {
		return pendingLogin{}, ErrNoLogin
	}
	return l, nil
}

func (l pendingLogin) expiry() time.Time { return time.Unix(l.Begun, 0).Add(loginLife) }

// loginOutcome is what the entry of a finished login holds. Without a session it
// failed.
type loginOutcome struct {
	SessionID string `json:"session_id"`
}

// errLoggedOut ends a login whose browser logged out while it was being finished.
var errLoggedOut = fmt.Errorf("%w: the browser logged out before the login was finished", ErrNoLogin)

// use enters a state as used. storage.ErrConflict: it was before. After any other
// error the same callback may come again, for its code has not been used.
func (p *Passport) use(ctx context.Context, state Secret, l pendingLogin) (storage.Record, error) {
	rec := storage.Record{
		ID:     storeID(spaceLogin, state),
		SID:    underWay(l.browser),
		Expiry: l.expiry().Add(2 * exchangeTimeout), // there until it is concluded
	}
	rec = envelope.Seal(p.c.keys, rec, head{}, nil)
	used, err := p.store.Save(ctx, rec)
	if err != nil && !errors.Is(err, storage.ErrConflict) {
		err = errors.Join(storeError(err), p.undo(ctx, rec))
	}
	return used, err
}

// underWay is what the logins of a browser are indexed by until they are finished.
func underWay(browser Secret) string { return storeID(spaceBrowser, browser) }

// conclude keeps the outcome, that of a failure too, for a browser that loads the
// callback again. That it cannot be kept is no reason to fail; errLoggedOut is.
func (p *Passport) conclude(ctx context.Context, used storage.Record, in LoginResult) error {
	used.SID = ""
	err := p.keepOutcome(ctx, used, in.SessionID)
	if errors.Is(err, storage.ErrNotFound) {
		used.Revision = 0
		return errors.Join(errLoggedOut, p.keepOutcome(ctx, used, ""))
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the outcome of a login could not be kept for a reload", "error", err)
	}
	return nil
}

func (p *Passport) keepOutcome(ctx context.Context, used storage.Record, sessionID Secret) error {
	body, err := json.Marshal(loginOutcome{SessionID: sessionID.Reveal()})
	if err != nil {
		return err
	}
	_, err = p.store.Save(ctx, envelope.Seal(p.c.keys, used, head{}, body))
	return err
}

// stopLogins stops the logins that are being finished in r's browser, so that none
// of them undoes its logout. It asks the store only if a login was begun there
// within the last ten minutes.
func (p *Passport) stopLogins(r *http.Request) {
	cookies := p.loginCookies(r)
	if len(cookies) == 0 {
		return
	}
	ctx, cancel := p.storeCall(r.Context())
	defer cancel()
	for _, c := range cookies[:min(len(cookies), mostLoginCookies)] {
		if _, err := p.store.DeleteMatching(ctx, storage.Match{SID: underWay(c.browser)}); err != nil {
			p.c.Logger.WarnContext(ctx, "passport: a logout could not stop the logins under way in its browser", "error", err)
			return
		}
	}
}

// outcome returns what came of a login that was finished before, or is just
// being finished. ErrNoLogin: it failed, or its session has ended.
func (p *Passport) outcome(ctx context.Context, state Secret, l pendingLogin) (LoginResult, error) {
	for giveUp := time.Now().Add(outcomeWait); time.Now().Before(giveUp); {
		rec, err := p.store.Load(ctx, storeID(spaceLogin, state))
		if errors.Is(err, storage.ErrNotFound) {
			return LoginResult{}, ErrNoLogin
		}
		if err != nil {
			return LoginResult{}, storeError(err)
		}
		body, err := envelope.OpenBody(p.c.keys, rec)
		if err != nil {
			return LoginResult{}, ErrNoLogin
		}
		if len(body) > 0 {
			return p.again(ctx, body, l)
		}
		if err := pause(ctx, outcomePoll); err != nil {
			return LoginResult{}, err
		}
	}
	return LoginResult{}, ErrNoLogin
}

func (p *Passport) again(ctx context.Context, body []byte, l pendingLogin) (LoginResult, error) {
	var o loginOutcome
	if json.Unmarshal(body, &o) != nil {
		return LoginResult{}, ErrNoLogin
	}
	s, err := p.Session(ctx, Secret(o.SessionID))
	if errors.Is(err, ErrNoSession) || err == nil && p.later.has(s.ID()) {
		return LoginResult{}, ErrNoLogin
	}
	if err != nil {
		return LoginResult{}, err
	}
	// Not Prompted: a logout that came since then is still of account.
	return LoginResult{Session: s, SessionID: Secret(o.SessionID), ReturnTo: l.ReturnTo}, nil
}
