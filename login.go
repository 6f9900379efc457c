package passport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/storage"
)

// LoginOptions are the options of one login. The zero value is a plain login.
type LoginOptions struct {
	// ReturnTo is where the user goes after the login: a path of this site, of at
	// most 64 KB. One of more than 1000 bytes is kept in the Store while the login is in
	// progress, if there is room. Anything else leads to Config.HomePath, which is also
	// the default.
	ReturnTo string

	// Prompt is the OpenID Connect prompt parameter: login, none, consent or
	// select_account, or some of them separated by spaces. A discovered provider
	// may give a refresh token only to a login that asks for consent (OpenID
	// Connect Core 1.0 §11). Default: the auth domain decides.
	Prompt string

	// MaxAge is the longest time since the user last gave credentials. If it was longer
	// ago, the provider asks again; if it does not, the login fails with ErrNotRecent. It
	// is rounded up to whole seconds. Default: any time ago.
	MaxAge time.Duration

	// ACRValues are the authentication contexts to ask for, such as a second factor:
	// separated by spaces, the preferred first (OpenID Connect Core 1.0 §3.1.2.1). The
	// claim acr says which one the provider used; see [Session.Claims]. Default: the
	// provider decides.
	ACRValues string

	// RequireACR makes the login fail with ErrInsufficientACR if the ID token's acr is
	// none of ACRValues. Default: ACRValues are a request that the provider may ignore,
	// as OpenID Connect allows.
	RequireACR bool

	// LoginHint is what the provider may fill in for the user, such as an e-mail
	// address. Default: none.
	LoginHint string

	// ScreenHint, Organization, Invitation and Connection are parameters of Auth0:
	// the page to begin with (signup), the organization to sign in to, the ID of an
	// invitation to it, and the connection to go to at once. Default: left out.
	ScreenHint   string
	Organization string
	Invitation   string
	Connection   string

	// Direct is a login method, such as google, apple or email, that skips the page
	// on which the user chooses. Default: the user chooses.
	Direct string

	// Email is the address if Direct is email. Default: the user types it.
	Email string

	// MarketingConsent is what the user chose before a direct login: opted_in or
	// unsubscribed. Default: not sent.
	MarketingConsent string

	// Params are any other parameters of the provider. They take precedence over
	// Config.LoginParams. BeginLogin returns an error for one that the SDK sets itself,
	// such as state. Default: none.
	Params map[string]string

	// EndsWithBrowser gives the browser a cookie that it drops when it is closed, for
	// users who do not want to be remembered. Browsers that restore their tabs may
	// keep it. Default: Config.EndsWithBrowser.
	EndsWithBrowser bool

	// Remember is how long the session of this login lives, whether or not it is used,
	// for users who ask to be remembered. It replaces Config.SessionLifetime and
	// Config.IdleTimeout, counts in whole seconds, and excludes EndsWithBrowser. At most
	// 400 days, because browsers keep no cookie for longer. Default: as Config says.
	Remember time.Duration
}

// longestACRValues bounds what goes into the state of a login.
const longestACRValues = 1000

// longestRemember is for how long browsers keep a cookie.
const longestRemember = 400 * 24 * time.Hour

// beginTimeout bounds how long the beginning of a login waits for the store.
const beginTimeout = 3 * time.Second

// BeginLogin starts a login by the browser b: authorization code with PKCE S256
// (RFC 7636), with a state and a nonce for one use within ten minutes. Send the
// browser to the returned URL, and have it keep the returned BrowserState.
// BeginLogin stores nothing except a long ReturnTo.
//
// If the browser's last logout is not known to have ended the Passport session, the
// login also asks for credentials (prompt=login and max_age=1), so that nobody is
// signed straight back in. With Prompt none it does not ask the provider: the error
// is the *ProviderError login_required.
//
// ErrLoginLoop: this browser loses each session at once, which its cookies say. Other
// errors: o is invalid, Config.RedirectURI is empty or, with Config.Discover, the
// discovery failed or the provider refused a pushed request (RFC 9126), which is a
// *ProviderError.
func (p *Passport) BeginLogin(ctx context.Context, b BrowserState, o LoginOptions) (string, BrowserState, error) {
	ctx, span := p.within(ctx, OperationBeginLogin)
	address, after, err := p.beginLogin(ctx, b, o)
	span.Ended(err)
	return address, after, err
}

func (p *Passport) beginLogin(ctx context.Context, b BrowserState, o LoginOptions) (string, BrowserState, error) {
	if p.c.RedirectURI == "" {
		return "", b, errNoRedirectURI
	}
	params, err := o.parameters()
	if err != nil {
		return "", b, err
	}
	look, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	unfinished := p.logoutUnfinished(look, b)
	if unfinished && o.Prompt == "none" {
		return "", b, errLoginRequired
	}
	binding := p.bindingFor(look, b)
	l := p.newLogin(look, b, binding, o.ReturnTo)
	if l.Again && b.again >= mostAgain && b.remembersAgain(p.c.Now()) {
		p.failLogin(ctx, ErrLoginLoop)
		return "", b, ErrLoginLoop
	}
	l.MaxAge, l.Remember = o.maxAge(), int64(o.Remember/time.Second)
	if o.RequireACR {
		l.ACR = o.ACRValues
	}
	l.EndsWithBrowser = o.EndsWithBrowser || p.c.EndsWithBrowser && o.Remember == 0
	l.Silent = o.Prompt == "none"
	params["ui_locales"] = p.c.UILocales
	if unfinished {
		l.Asked = true
		params["prompt"] = authdomain.AskForCredentials(o.Prompt)
		params["max_age"] = "1" // there are providers that ignore prompt, and 0 here
	}
	state, err := p.logins.Seal(l)
	if err != nil {
		return "", b, fmt.Errorf("passport: the login could not be begun: %w", err)
	}
	address, err := p.authorizeURL(ctx, provider.AuthRequest{
		RedirectURI: p.c.RedirectURI,
		State:       state,
		Nonce:       l.Nonce(),
		Verifier:    l.Verifier(),
		Params:      params,
	})
	if err != nil {
		p.failLogin(ctx, err)
		return "", b, err
	}
	after := b.withLogin(binding)
	after.begunState = Secret(state)
	return address, after, nil
}

// authorizeURL tells a provider that refuses a pushed request from one that cannot be
// discovered.
func (p *Passport) authorizeURL(ctx context.Context, r provider.AuthRequest) (string, error) {
	if _, err := p.provider.Metadata(ctx); err != nil {
		return "", err
	}
	address, err := p.provider.AuthorizeURL(ctx, r)
	return address, providerError(err)
}

// parameters are those of o for the authorization request.
func (o LoginOptions) parameters() (map[string]string, error) {
	for _, name := range slices.Sorted(maps.Keys(o.Params)) {
		if name == "" || slices.Contains(loginParams, name) {
			return nil, fmt.Errorf("passport: LoginOptions.Params must not set %q, which is the SDK's to set", url.QueryEscape(name))
		}
	}
	if len(o.ACRValues) > longestACRValues {
		return nil, fmt.Errorf("passport: LoginOptions.ACRValues has more than %d bytes", longestACRValues)
	}
	if o.RequireACR && strings.TrimSpace(o.ACRValues) == "" {
		return nil, fmt.Errorf("passport: LoginOptions.RequireACR without ACRValues: say which will do")
	}
	if err := o.checkRemember(); err != nil {
		return nil, err
	}
	if o.MaxAge < 0 {
		return nil, fmt.Errorf("passport: LoginOptions.MaxAge is negative: leave it at 0 if any login will do")
	}
	params := maps.Clone(o.Params)
	if params == nil {
		params = map[string]string{}
	}
	for name, value := range map[string]string{
		"prompt":           o.Prompt,
		"acr_values":       o.ACRValues,
		"login_hint":       o.LoginHint,
		"screen_hint":      o.ScreenHint,
		"organization":     o.Organization,
		"invitation":       o.Invitation,
		"connection":       o.Connection,
		"direct":           o.Direct,
		"email":            o.Email,
		"marketingConsent": o.MarketingConsent,
	} {
		if value != "" {
			params[name] = value
		}
	}
	if o.MaxAge > 0 {
		params["max_age"] = strconv.FormatInt(o.maxAge(), 10)
	}
	return params, nil
}

func (o LoginOptions) checkRemember() error {
	switch {
	case o.Remember == 0:
		return nil
	case o.Remember < time.Second:
		return fmt.Errorf("passport: LoginOptions.Remember is less than a second: leave it at 0 if the session is to live as Config says")
	case o.Remember > longestRemember:
		return fmt.Errorf("passport: LoginOptions.Remember is longer than 400 days, for which browsers keep cookies")
	case o.EndsWithBrowser:
		return fmt.Errorf("passport: LoginOptions has both Remember and EndsWithBrowser: set one of them")
	}
	return nil
}

func (o LoginOptions) maxAge() int64 {
	return int64((o.MaxAge + time.Second - 1) / time.Second)
}

// newLogin is the state of a login by the browser b, to which binding binds it.
func (p *Passport) newLogin(ctx context.Context, b BrowserState, binding Secret, returnTo string) loginstate.State {
	l := loginstate.New(binding.Reveal(), p.c.Now())
	l.Logout = b.Logout.Reveal()
	l.Session, l.SessionEnd = p.presentSession(ctx, b.Session)
	l.Again = l.Session == "" && slices.Contains(b.Logins, binding)
	l.ReturnTo = web.LocalPath(returnTo, p.c.HomePath)
	if len(l.ReturnTo) > loginstate.LongestReturnTo {
		l.ReturnTo, l.Stored = p.c.HomePath, p.storeReturnTo(ctx, l, returnTo)
	}
	return l
}

// storeReturnTo stores a destination that is too long for the state, and reports
// whether it could. Anybody may begin logins, so there is a bound to what they store.
func (p *Passport) storeReturnTo(ctx context.Context, l loginstate.State, returnTo string) bool {
	if !p.longReturns.SpendMany(len(returnTo)/1024 + 1) {
		p.c.Logger.WarnContext(ctx, "passport: very many logins with long destinations; this one leads to Config.HomePath")
		return false
	}
	rec := p.records.New(storage.KindReturnTo, l.Key())
	rec.Expiry = l.Expiry().Add(exchangeTimeout)
	if _, err := p.records.Put(ctx, rec, []byte(returnTo)); err != nil {
		p.c.Logger.WarnContext(ctx, "passport: a long destination could not be stored; the login leads to Config.HomePath", "error", err)
		return false
	}
	return true
}

// storedReturnTo is the destination that storeReturnTo has stored for a login.
func (p *Passport) storedReturnTo(ctx context.Context, l loginstate.State) string {
	rec, err := p.records.Load(ctx, p.records.ID(storage.KindReturnTo, l.Key()))
	var returnTo []byte
	if err == nil {
		returnTo, err = p.records.Open(rec)
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: a long destination could not be read; the login leads to Config.HomePath", "error", err)
	}
	return web.LocalPath(string(returnTo), p.c.HomePath)
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
// did not ask for credentials. ErrNotRecent: likewise with LoginOptions.MaxAge.
// ErrInsufficientACR: likewise with LoginOptions.RequireACR. A
// *[SignInRefused] or ErrSignIn: Config.OnSignIn refused the user, or failed. A
// *ProviderError: the provider, or the user there, refused. ErrStoreUnavailable: the
// Store could not answer. Other errors: the provider could not be reached, or the ID
// token is invalid. After any error, the browser's previous session goes on. ReturnTo
// and Silent are set even with an error, if the login is known: send the user of a silent
// login to ReturnTo whatever the error, because they have not asked to be signed in.
func (p *Passport) FinishLogin(ctx context.Context, b BrowserState, query url.Values) (LoginResult, BrowserState, error) {
	p.revoker.Begin()
	ctx, span := p.within(ctx, OperationFinishLogin)
	l, err := p.openLogin(query, b)
	var in LoginResult
	if err == nil {
		if l.Stored {
			l.ReturnTo = p.storedReturnTo(ctx, l)
		}
		in, err = p.finishLogin(ctx, b, l, query)
	}
	if err != nil {
		p.failLogin(ctx, err)
		span.Ended(err)
		return LoginResult{ReturnTo: l.ReturnTo, Silent: l.Silent}, b, err
	}
	in.Silent = l.Silent
	defer span.Ended(nil)
	b.Session, b.begun, b.begunState, b.endsWithBrowser = in.SessionID, "", "", l.EndsWithBrowser
	b.remember = time.Duration(l.Remember) * time.Second
	b = b.finishedAgain(l.Again, p.c.Now())
	if in.Reauthentication == OutcomeDone || !p.logoutUnfinished(ctx, b) {
		p.dropHint(ctx, &b)
		b = b.finished()
	}
	return in, b, nil
}

// openLogin reads the state of a response that came back to the browser b, or returns
// ErrNoLogin.
func (p *Passport) openLogin(query url.Values, b BrowserState) (loginstate.State, error) {
	bindings := make([]string, len(b.Logins))
	for i, binding := range b.Logins {
		bindings[i] = binding.Reveal()
	}
	l, ok := p.logins.Open(query.Get("state"), bindings, p.c.Now())
	if !ok {
		return loginstate.State{}, noLogin(query)
	}
	return l, nil
}

func (p *Passport) finishLogin(ctx context.Context, b BrowserState, l loginstate.State, query url.Values) (LoginResult, error) {
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
	err = p.checkNotLoggedOut(work, l)
	if err == nil {
		err = p.checkNotSignedIn(work, b, l)
	}
	if err != nil {
		return LoginResult{}, errors.Join(err, p.dropUse(work, used))
	}
	in, err := p.signIn(work, code, l)
	if unusedCode(err) {
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

// checkNotSignedIn keeps a silent login from replacing a session that the user has begun
// meanwhile, in another tab.
func (p *Passport) checkNotSignedIn(ctx context.Context, b BrowserState, l loginstate.State) error {
	if !l.Silent || l.Session != "" {
		return nil
	}
	if id, _ := p.presentSession(ctx, b.Session); id != "" {
		return errSignedIn
	}
	return nil
}

// errSignedIn ends a silent login.
var errSignedIn = fmt.Errorf("%w: the user has signed in since the silent login began", ErrNoLogin)

const (
	// outcomePoll is how often a callback that is loaded again looks whether the
	// first has finished, and outcomeWait for how long.
	outcomePoll = 50 * time.Millisecond
	outcomeWait = 10 * time.Second
)

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
			return p.finishedBefore(ctx, l, Secret(entry.SessionID))
		}
		if err := tasks.Pause(ctx, outcomePoll); err != nil {
			return LoginResult{}, err
		}
	}
	return LoginResult{}, ErrNoLogin
}

func (p *Passport) finishedBefore(ctx context.Context, l loginstate.State, sessionID Secret) (LoginResult, error) {
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

// failLogin tells of a login that has failed.
func (p *Passport) failLogin(ctx context.Context, err error) {
	e := Event{Name: EventLoginFailed, Reason: loginFailure(err), Context: ctx, Err: err}
	var known *userError
	if errors.As(err, &known) {
		e.Subject, e.SID = known.subject, known.sid
	}
	p.emit(e)
}

// loginFailure is the reason in an error of a login.
func loginFailure(err error) LoginFailure {
	var refused *ProviderError
	var unreachable *provider.UnreachableError
	var answered *provider.Error // with another document than that of a login
	switch {
	case errors.Is(err, provider.ErrNotAwaited):
		return LoginCanceled
	case errors.As(err, new(*SignInRefused)):
		return LoginRefused
	case errors.Is(err, ErrSignIn):
		return LoginProgramFailed
	case errors.Is(err, ErrStoreUnavailable):
		return LoginStoreUnavailable
	case errors.Is(err, ErrNoLogin):
		return LoginUnknown
	case errors.Is(err, ErrLoginLoop):
		return LoginLoop
	case errors.Is(err, ErrNotReauthenticated), errors.Is(err, ErrNotRecent), errors.Is(err, ErrInsufficientACR):
		return LoginNotReauthenticated
	case errors.As(err, &refused):
		return providerFailure(refused)
	case errors.As(err, &answered) && (answered.Status >= 500 || answered.Status == http.StatusTooManyRequests):
		return LoginProviderUnavailable
	case errors.As(err, &unreachable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return LoginProviderUnavailable
	}
	return LoginInvalid
}

func providerFailure(refused *ProviderError) LoginFailure {
	switch {
	case refused.tookTooLong():
		return LoginUnknown
	case refused.Status >= 500, refused.Status == http.StatusTooManyRequests, refused.Code == "server_error", refused.Code == "temporarily_unavailable":
		return LoginProviderUnavailable
	case refused.denied():
		return LoginDenied
	case refused.mustAsk():
		return LoginInteractionRequired
	}
	return LoginProviderRefused
}
