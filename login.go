package passport

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/storage"
)

// LoginResult is the result of a successful login.
type LoginResult struct {
	// Session is the new session.
	Session *Session

	// SessionID is its secret id, which only the browser may keep. FinishLogin puts
	// it into the BrowserState.
	SessionID Secret

	// ReturnTo is where the user wanted to go: a path of this site.
	ReturnTo string

	// Reauthentication says whether the user gave credentials in a login after an
	// unfinished logout: OutcomeDone, according to the ID token's auth_time;
	// OutcomeUnconfirmed, if the token does not say so clearly, and then the logout
	// stays unfinished; or OutcomeSkipped, if the login did not ask for
	// credentials.
	Reauthentication Outcome
}

// exchangeTimeout bounds the work of FinishLogin.
const exchangeTimeout = 30 * time.Second

// BeginLogin starts a login by the browser b: authorization code with PKCE S256
// (RFC 7636), with a state and a nonce for one use within ten minutes. Send the
// browser to the returned URL, and have it keep the returned BrowserState.
// BeginLogin stores nothing.
//
// If the browser's last logout is not known to have ended the Passport session, the
// login also asks for credentials (prompt=login and max_age=1), so that nobody is
// signed straight back in. With Prompt none it does not ask the provider: the error
// is the *ProviderError login_required.
//
// The other errors are options that are wrong and, with Config.Discover, a failed
// discovery.
func (p *Passport) BeginLogin(ctx context.Context, b BrowserState, o LoginOptions) (string, BrowserState, error) {
	if p.c.RedirectURI == "" {
		return "", b, errNoRedirectURI
	}
	params, err := o.params()
	if err != nil {
		return "", b, err
	}
	unfinished := p.logoutUnfinished(ctx, b)
	if unfinished && o.Prompt == "none" {
		return "", b, errLoginRequired
	}
	look, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	binding := p.bindingFor(look, b)
	l := p.newLoginState(look, b, binding, o.ReturnTo)
	l.MaxAge, l.EndsWithBrowser = o.maxAge(), o.EndsWithBrowser
	params["ui_locales"] = p.c.UILocales
	if unfinished {
		l.Asked = true
		params["prompt"] = authdomain.AskForCredentials(o.Prompt)
		params["max_age"] = "1" // there are providers that ignore prompt, and 0 here
	}
	state, err := p.sealLogin(l)
	if err != nil {
		return "", b, fmt.Errorf("passport: the login could not be begun: %w", err)
	}
	address, err := p.provider.AuthorizeURL(ctx, provider.AuthRequest{
		RedirectURI: p.c.RedirectURI,
		State:       state.Reveal(),
		Nonce:       l.nonce(),
		Verifier:    l.verifier(),
		Params:      params,
	})
	if err != nil {
		return "", b, err
	}
	return address, b.withLogin(binding), nil
}

// errLoginRequired is what a provider without a session says to a login that must
// not ask (OpenID Connect Core 1.0 §3.1.2.6).
var errLoginRequired = &ProviderError{Code: "login_required", Description: "the last logout of this browser is unfinished"}

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

// FinishLogin finishes a login when the browser b is back at RedirectURI with that
// query: it checks that this browser started the login, exchanges the code for
// tokens, verifies the ID token and begins a new session under a new id. The
// browser's previous session ends. If the page is loaded again, the callback
// returns the same session while it lives; the code is not used twice. Have the
// browser keep the returned BrowserState, even with an error.
//
// ErrNoLogin: there is no such login in this browser, it was finished with another
// code, or the browser has since logged out in any tab: start a new login.
// ErrNotReauthenticated: the login follows an unfinished logout, and the provider
// did not ask for credentials. ErrNotRecent: likewise with LoginOptions.MaxAge. A
// *[SignInRefused] or ErrSignIn: Config.OnSignIn
// refused or failed. A *ProviderError: the provider, or the user there, refused.
// ErrStoreUnavailable: the Store could not answer. Other errors: the provider could
// not be reached, or the ID token is invalid. After any error, the browser's
// previous session goes on. ReturnTo is set with an error too if the login is known:
// a login with Prompt none that found nobody signed in can go on there.
func (p *Passport) FinishLogin(ctx context.Context, b BrowserState, query url.Values) (LoginResult, BrowserState, error) {
	p.revoker.Begin()
	l, err := p.openLogin(Secret(query.Get("state")), b)
	if err != nil {
		return LoginResult{}, b, err
	}
	in, err := p.finishLogin(ctx, b, l, query)
	if err != nil {
		p.emit(Event{Name: EventLoginFailed, Context: ctx, Err: err})
		return LoginResult{ReturnTo: l.ReturnTo}, b, err
	}
	b.Session, b.begun, b.endsWithBrowser = in.SessionID, "", l.EndsWithBrowser
	if in.Reauthentication == OutcomeDone || !p.logoutUnfinished(ctx, b) {
		b = b.finished()
	}
	return in, b, nil
}

func (p *Passport) finishLogin(ctx context.Context, b BrowserState, l loginState, query url.Values) (LoginResult, error) {
	if b.lastLogout().Overtook(l.Logout) {
		return LoginResult{}, errLoggedOut
	}
	code, err := p.provider.CodeOf(ctx, query)
	if err != nil {
		return LoginResult{}, providerError(err)
	}
	// From here on, tokens would be lost if the browser went away.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	used, err := p.use(work, l, code)
	if errors.Is(err, storage.ErrConflict) {
		return p.outcome(ctx, l, code)
	}
	if err != nil {
		return LoginResult{}, err
	}
	// The entry comes first: whichever of a login and a logout comes second sees
	// the other.
	if err := p.checkNotLoggedOut(work, l); err != nil {
		return LoginResult{}, errors.Join(err, p.dropUse(work, used))
	}
	in, err := p.signIn(work, code, l)
	if refusedCode(err) {
		return LoginResult{}, errors.Join(err, p.dropUse(work, used))
	}
	stopped := p.keepOutcome(work, used, code, in.SessionID)
	if err != nil {
		return LoginResult{}, err
	}
	if stopped == nil {
		stopped = p.checkSessionThen(work, l)
	}
	if stopped != nil {
		_, endErr := p.EndSession(work, in.Session.ID())
		return LoginResult{}, errors.Join(stopped, endErr)
	}
	p.replace(work, b.Session, in.Session.ID())
	return in, nil
}

// refusedCode reports whether the auth domain rejected a code.
func refusedCode(err error) bool {
	var refused *ProviderError
	return errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500
}

// signIn exchanges a code for a session. If anything fails, an issued refresh token
// is revoked.
func (p *Passport) signIn(ctx context.Context, code string, l loginState) (LoginResult, error) {
	issued, id, err := p.provider.Exchange(ctx, provider.CodeGrant{
		Code:        code,
		RedirectURI: p.c.RedirectURI,
		Verifier:    l.verifier(),
		Nonce:       l.nonce(),
	})
	t := tokensOf(issued)
	if err != nil {
		p.enqueueToken(storage.Record{}, t)
		return LoginResult{}, providerError(err)
	}
	proved := p.reauthentication(l, id)
	err = p.checkMaxAge(l, id)
	if proved == OutcomeFailed {
		err = ErrNotReauthenticated
	}
	if err != nil {
		p.enqueueToken(storage.Record{Subject: id.Subject}, t)
		return LoginResult{}, err
	}
	in, err := p.welcome(ctx, t, id, l.Order)
	if err != nil {
		return LoginResult{}, err
	}
	if proved == OutcomeUnconfirmed {
		p.emit(Event{Name: EventLoginUnconfirmed, Session: in.Session.ID(), Subject: id.Subject, SID: id.SID, Context: ctx})
	}
	in.ReturnTo, in.Reauthentication = l.ReturnTo, proved
	return in, nil
}

// reauthentication decides whether the user gave credentials after the logout that
// was unfinished when the login began. Their age is measured by the provider's
// clock, in whole seconds; the time since the logout by ours. OutcomeFailed:
// certainly not.
func (p *Passport) reauthentication(l loginState, id *provider.IDToken) Outcome {
	if !l.Asked {
		return OutcomeSkipped
	}
	if id.AuthTime.IsZero() || id.Issued.IsZero() {
		return OutcomeUnconfirmed
	}
	logout := logoutstate.Time(l.Logout)
	if logout.IsZero() {
		logout = time.Unix(l.Begun, 0)
	}
	age, since := id.Issued.Sub(id.AuthTime), p.c.Now().Sub(logout)
	switch {
	case age+time.Second <= since:
		return OutcomeDone
	case age >= since+time.Second+instanceLeeway:
		return OutcomeFailed
	}
	return OutcomeUnconfirmed
}

// welcome begins the session of a login that was begun at a moment, as a mark
// counts them, and whose tokens have been verified.
func (p *Passport) welcome(ctx context.Context, t tokens, id *provider.IDToken, begun int64) (LoginResult, error) {
	if err := p.admit(ctx, &t, id); err != nil {
		return LoginResult{}, err
	}
	in, err := p.beginSession(ctx, t, id.Subject, id.SID)
	if err != nil {
		p.enqueueToken(storage.Record{Subject: id.Subject}, t)
		return LoginResult{}, err
	}
	if err := p.confirmLogin(ctx, in.Session, id, begun); err != nil {
		return LoginResult{}, err
	}
	if err := p.liftMarks(ctx, t, id.Subject, in.Session.record().SID, begun); err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the bearer tokens of a login may be refused until they are refreshed", "error", err)
	}
	p.endOldest(ctx, id.Subject, in.Session.ID())
	p.emit(Event{Name: EventLogin, Session: in.Session.ID(), Subject: in.Session.Subject(), SID: in.Session.record().SID, Context: ctx})
	return in, nil
}

// beginSession stores a new session of the user subject, in the Passport session
// sid, which may be empty.
func (p *Passport) beginSession(ctx context.Context, t tokens, subject, sid string) (LoginResult, error) {
	now := p.c.Now()
	h := head{Begun: now.Unix(), Seen: now.Unix(), End: now.Add(p.c.SessionLifetime).Unix()}
	secret := newID()
	rec := p.newRecord(storage.KindSession, secret)
	rec.Subject, rec.SID, rec.Expiry = subject, sid, p.expiry(h)
	rec = envelope.Seal(p.c.keys, rec, h, t.marshal())
	saved, err := p.store.Save(ctx, rec)
	if err != nil {
		return LoginResult{}, errors.Join(storeError(err), p.undo(ctx, rec))
	}
	return LoginResult{
		Session:   &Session{p: p, rec: saved, head: &h, tokens: &t},
		SessionID: secret,
	}, nil
}

// confirmLogin ends a new session again if the provider logged the user out before
// it was stored, or if that is unknown.
func (p *Passport) confirmLogin(ctx context.Context, s *Session, id *provider.IDToken, begun int64) error {
	overtaken, err := p.overtaken(ctx, begun, id, s.rec.SID)
	if err == nil && !overtaken {
		err = p.unconfirm(ctx, s.rec.SID)
	}
	if err == nil && !overtaken {
		return nil
	}
	if _, endErr := p.EndSession(ctx, s.ID()); endErr != nil {
		err = errors.Join(err, endErr)
	}
	if overtaken {
		return errors.Join(errOvertaken, err)
	}
	return storeError(err)
}

var errOvertaken = fmt.Errorf("%w: the provider logged the user out before the login was finished", ErrNoLogin)

// bindings counts the bindings that were made. Their first characters follow each
// other, so that tabs which begin at the same time have different cookies.
var bindings atomic.Uint32

func newBinding() Secret {
	first := base64URL[bindings.Add(1)%uint32(len(base64URL))]
	return Secret(string(first) + newID().Reveal()[1:])
}

// newID returns an unguessable secret: 32 random bytes, in characters that are safe
// in URLs and cookies.
func newID() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return Secret(base64.RawURLEncoding.EncodeToString(b[:]))
}
