package passport

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/storage"
)

// LoginOptions are what one login asks for beyond the Config. The zero value is
// a plain login.
type LoginOptions struct {
	// ReturnTo is where the user goes after the login: a path of this site, of
	// at most 1000 bytes. Default: /. Anything else counts as the default.
	ReturnTo string

	// Prompt is the OpenID Connect prompt parameter: login, none, consent or
	// select_account, or some of them separated by spaces. A discovered
	// provider may give a refresh token only to a login that asks for consent
	// (OpenID Connect Core 1.0 §11). Default: left to the auth domain.
	Prompt string

	// Direct names a login method, such as google, apple or email, to go to
	// without the page on which the user chooses. Default: the user chooses.
	Direct string

	// Email is the address for Direct: email. Default: the user types it.
	Email string

	// MarketingConsent is what the user chose before a direct login: opted_in
	// or unsubscribed. Default: not said.
	MarketingConsent string

	// Browser is the value of an earlier BeginLogin for the same browser, so
	// that several tabs can sign in at once. Default: a new one.
	Browser Secret
}

// Login is a login in progress.
type Login struct {
	// URL is the address at the auth domain to which the browser must go.
	URL string

	// Browser binds the login to the browser that began it: keep it there, in
	// a cookie of its own, and give it to FinishLogin.
	Browser Secret
}

// LoginResponse is the browser's return from the auth domain.
type LoginResponse struct {
	// Query is that of the request to RedirectURI.
	Query url.Values

	// Browser is [Login.Browser], as the browser brought it back.
	Browser Secret

	// SessionID is the secret id of a session that the browser has already. It
	// is ended when the new one begins. Empty: none.
	SessionID Secret
}

// LoginResult is a login that has succeeded.
type LoginResult struct {
	// Session is the new session.
	Session *Session

	// SessionID is its secret id, for the browser and nobody else to keep.
	SessionID Secret

	// ReturnTo is where the user wanted to go: a path of this site.
	ReturnTo string

	// Prompted says that the auth domain was asked for prompt=login, so that
	// a logout that was not known to be complete before is now of no account.
	Prompted bool
}

// exchangeTimeout bounds the work of FinishLogin.
const exchangeTimeout = 30 * time.Second

// BeginLogin starts a login: authorization code with PKCE S256 (RFC 7636), with
// a state and a nonce that are good for one use within ten minutes. Send the
// browser to the URL that it returns. It stores nothing. It fails only with
// Config.Discover, if the provider cannot be discovered.
func (p *Passport) BeginLogin(ctx context.Context, o LoginOptions) (Login, error) {
	if !plausibleID(o.Browser.Reveal()) {
		o.Browser = newID()
	}
	pending := p.newPending(o.Browser, o)
	state, err := pending.state(p.c.keys)
	if err != nil {
		return Login{}, fmt.Errorf("passport: the login could not be begun: %w", err)
	}
	address, err := p.provider.AuthorizeURL(ctx, provider.AuthRequest{
		RedirectURI: p.c.RedirectURI,
		State:       state.Reveal(),
		Nonce:       pending.nonce(),
		Verifier:    pending.verifier(),
		Params: map[string]string{
			"ui_locales":       p.c.UILocales,
			"prompt":           o.Prompt,
			"direct":           o.Direct,
			"email":            o.Email,
			"marketingConsent": o.MarketingConsent,
		},
	})
	return Login{URL: address, Browser: o.Browser}, err
}

// FinishLogin ends a login when the browser is back at RedirectURI: it checks
// that this browser began it, trades the code for tokens, verifies the ID token
// and begins a new session under a new id. The session that the browser had
// before is ended. A callback that comes again, because the page was loaded
// again, gets the same session, for as long as it lives; the code is not used
// twice.
//
// ErrNoLogin: there is no such login in this browser, or [Passport.Logout] was
// called there in the meantime; the way out is a new one. A *ProviderError: the auth domain, or the user there, refused. Other errors:
// the auth domain or the Store could not be reached, or the ID token is not
// valid. In each case the session that the browser had before lives on.
func (p *Passport) FinishLogin(ctx context.Context, c LoginResponse) (LoginResult, error) {
	p.revoker.begin()
	state := Secret(c.Query.Get("state"))
	pending, err := p.openState(state, c.Browser)
	if err != nil {
		return LoginResult{}, err
	}
	code, err := p.provider.CodeOf(ctx, c.Query)
	if err != nil {
		return LoginResult{}, providerError(err)
	}
	// From here on there is something to lose if the browser goes away.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	used, err := p.use(work, state, pending)
	if errors.Is(err, storage.ErrConflict) {
		return p.outcome(ctx, state, pending)
	}
	if err != nil {
		return LoginResult{}, err
	}
	in, err := p.signIn(work, code, pending)
	if refusedCode(err) {
		// It will never be any good, so nothing needs to remember it.
		if _, delErr := p.store.Delete(work, used.ID); !errors.Is(delErr, storage.ErrNotFound) {
			err = errors.Join(err, delErr)
		}
		return LoginResult{}, err
	}
	if stopped := p.conclude(work, used, in); err == nil && stopped != nil {
		_, endErr := p.EndSession(work, in.Session.ID())
		err = errors.Join(stopped, endErr)
	}
	if err != nil {
		return LoginResult{}, err
	}
	p.replace(work, c.SessionID)
	return in, nil
}

// refusedCode reports whether the auth domain would not take a code.
func refusedCode(err error) bool {
	var refused *ProviderError
	return errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500
}

// signIn trades a code for a session. Whatever goes wrong, a refresh token that
// has been issued is not left behind alive.
func (p *Passport) signIn(ctx context.Context, code string, pending pendingLogin) (LoginResult, error) {
	issued, id, err := p.provider.Exchange(ctx, provider.CodeGrant{
		Code:        code,
		RedirectURI: p.c.RedirectURI,
		Verifier:    pending.verifier(),
		Nonce:       pending.nonce(),
	})
	t := tokensOf(issued)
	if err != nil {
		p.oweToken(storage.Record{}, t)
		return LoginResult{}, providerError(err)
	}
	in, err := p.welcome(ctx, t, id, pending.Order)
	if err != nil {
		return LoginResult{}, err
	}
	in.ReturnTo, in.Prompted = pending.ReturnTo, authdomain.AsksForCredentials(pending.Prompt)
	return in, nil
}

// welcome begins the session of a login that was begun at a moment, as a mark
// counts them, and whose tokens have been verified.
func (p *Passport) welcome(ctx context.Context, t tokens, id *provider.IDToken, begun int64) (LoginResult, error) {
	in, err := p.beginSession(ctx, t, id)
	if err != nil {
		p.oweToken(storage.Record{Subject: id.Subject}, t)
		return LoginResult{}, err
	}
	if err := p.confirmLogin(ctx, in.Session, id, begun); err != nil {
		return LoginResult{}, err
	}
	p.emit(Event{Name: EventLogin, Session: in.Session.ID(), Subject: in.Session.Subject(), SID: in.Session.record().SID, Context: ctx})
	return in, nil
}

// beginSession stores a new session.
func (p *Passport) beginSession(ctx context.Context, t tokens, id *provider.IDToken) (LoginResult, error) {
	now := p.c.Now()
	h := head{Begun: now.Unix(), Seen: now.Unix(), End: now.Add(p.c.SessionLifetime).Unix()}
	secret := newID()
	rec := storage.Record{
		ID:      storeID(spaceSession, secret),
		Subject: id.Subject,
		SID:     id.SID,
		Expiry:  p.expiry(h),
	}
	rec = envelope.Seal(p.c.keys, rec, h, t.marshal())
	saved, err := p.store.Save(ctx, rec)
	if err != nil {
		return LoginResult{}, errors.Join(storeError(err), p.undo(ctx, rec))
	}
	return LoginResult{
		Session:   &Session{p: p, rec: saved, head: h, tokens: &t},
		SessionID: secret,
	}, nil
}

// confirmLogin ends a new session again if the provider ended it before it was
// stored, or if that cannot be found out.
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

// replace ends the session that a browser had before it signed in again.
func (p *Passport) replace(ctx context.Context, old Secret) {
	if !plausibleID(old.Reveal()) {
		return
	}
	l, debt, err := p.endOwn(ctx, old, EventSessionReplaced)
	if l.App == OutcomeDone {
		p.revoker.pay(debt)
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the session before this login could not be ended", "error", err)
	}
}

// newID makes a secret that cannot be guessed: 32 random bytes, in characters
// that survive every URL and cookie.
func newID() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return Secret(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Login sends the browser to the auth domain to sign in, and afterwards to the
// path in the request's return_to parameter. For more than that, see
// [Passport.StartLogin].
func (p *Passport) Login(w http.ResponseWriter, r *http.Request) {
	p.StartLogin(w, r, LoginOptions{})
}

// StartLogin is Login with options, for a handler of the app's: a button for
// one login method, say. The request's return_to parameter counts if o has no
// ReturnTo. o.Browser is taken from the browser's cookie.
//
// After a logout that is not known to have ended the Passport session, the
// login asks for prompt=login, so that nobody is signed straight back in.
func (p *Passport) StartLogin(w http.ResponseWriter, r *http.Request, o LoginOptions) {
	noStore(w)
	if isPrefetch(r) {
		p.refuse(w, r, http.StatusServiceUnavailable, errPrefetch)
		return
	}
	o.ReturnTo = either(o.ReturnTo, r.URL.Query().Get("return_to"))
	cookie := p.loginCookieFor(r)
	o.Browser = cookie.browser
	if p.guarded(r) {
		o.Prompt = authdomain.AskForCredentials(o.Prompt)
	}
	login, err := p.BeginLogin(r.Context(), o)
	if err != nil {
		p.refuse(w, r, http.StatusBadGateway, err)
		return
	}
	p.cookies.set(w, cookie.name, login.Browser, loginLife)
	http.Redirect(w, r, login.URL, http.StatusSeeOther)
}

// LoginCallback is what the app serves at RedirectURI: it finishes the login,
// gives the browser its new session and sends the user on. Loading the page
// again does no harm. Errors end in Config.OnError.
func (p *Passport) LoginCallback(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	w.Header().Set("Referrer-Policy", "no-referrer") // the URL holds the code
	query := r.URL.Query()
	if id := Secret(query.Get("logout")); plausibleID(id.Reveal()) {
		p.servePost(w, r, id)
		return
	}
	in, err := p.FinishLogin(r.Context(), LoginResponse{
		Query:     query,
		Browser:   p.browserOf(r, Secret(query.Get("state"))),
		SessionID: p.cookies.get(r, p.cookies.session),
	})
	if err != nil {
		p.refuse(w, r, loginStatus(err), err)
		return
	}
	p.cookies.set(w, p.cookies.session, in.SessionID, p.c.SessionLifetime)
	if p.cookies.get(r, p.cookies.logout) != "" && (in.Prompted || !p.guarded(r)) {
		p.cookies.remove(w, p.cookies.logout)
	}
	http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
}

// loginStatus is the HTTP status that fits a failed login.
func loginStatus(err error) int {
	var refused *ProviderError
	switch {
	case errors.Is(err, ErrNoLogin):
		return http.StatusBadRequest
	case errors.Is(err, ErrStoreUnavailable):
		return http.StatusServiceUnavailable
	case !errors.As(err, &refused) || refused.Status != 0:
		return http.StatusBadGateway
	case refused.Code == "access_denied":
		return http.StatusForbidden
	case strings.HasSuffix(refused.Code, "_required"): // prompt=none, OpenID Connect Core 1.0 §3.1.2.6
		return http.StatusUnauthorized
	}
	return http.StatusBadGateway
}
