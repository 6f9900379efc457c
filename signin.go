package passport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/testsession"
	"github.com/passport-go/passport/storage"
)

// LoginResult is the result of a login. With an error, ReturnTo and Silent alone may be
// set.
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

	// Silent says that the login was begun with Prompt none: the user has not asked for
	// it, and is asked nothing.
	Silent bool
}

// SignInAttempt is a login whose ID token is verified, and which has no session yet.
// Config.OnSignIn admits or refuses it. It is valid only during that call, and not for
// concurrent use.
type SignInAttempt struct {
	// Subject is the user, and SID the Passport session (the sid claim), or empty.
	Subject string
	SID     string

	// IDToken and AccessToken are those of the login.
	IDToken     Secret
	AccessToken Secret

	tokens *tokens
}

// Claims decodes the claims of the ID token into v, as [Session.Claims] does.
func (a *SignInAttempt) Claims(v any) error { return a.tokens.claims(v) }

// SetData sets the new session's data, as [Session.SetData] does.
func (a *SignInAttempt) SetData(v any) error {
	data, err := encodeData(v)
	if err == nil {
		a.tokens.Data = data
	}
	return err
}

// Format prints the user and nothing else, whatever the verb.
func (a *SignInAttempt) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.SignInAttempt("+a.Subject+")")
}

// SignInRefused is the error with which Config.OnSignIn refuses a user. The user
// sees its texts, which are not HTML.
type SignInRefused struct {
	Title string // default: "You cannot sign in here", in the user's language
	Text  string // default: "This site does not admit your account.", likewise
}

// Error returns neither text, because they may name the user.
func (*SignInRefused) Error() string { return "passport: the program refused the sign-in" }

// ErrSignIn reports that Config.OnSignIn failed: it returned an error other than a
// *SignInRefused, which ErrSignIn wraps.
var ErrSignIn = errors.New("passport: the program could not sign the user in")

// signIn exchanges a code for a session. If anything fails, an issued refresh token
// is revoked.
func (p *Passport) signIn(ctx context.Context, code string, l loginstate.State) (LoginResult, error) {
	issued, id, err := p.provider.Exchange(ctx, provider.CodeGrant{
		Code:        code,
		RedirectURI: p.c.RedirectURI,
		Verifier:    l.Verifier(),
		Nonce:       l.Nonce(),
	})
	t := tokensOf(issued)
	if err != nil {
		p.enqueueToken(storage.Record{}, t)
		return LoginResult{}, providerError(err)
	}
	proved := p.reauthentication(l, id)
	err = p.checkMaxAge(l, id)
	if err == nil {
		err = checkACR(l, t)
	}
	if proved == OutcomeFailed {
		err = ErrNotReauthenticated
	}
	if err != nil {
		p.enqueueToken(storage.Record{Subject: id.Subject}, t)
		return LoginResult{}, loginOf(id, err)
	}
	in, err := p.welcome(ctx, t, id, l.Order, time.Duration(l.Remember)*time.Second)
	if err != nil {
		return LoginResult{}, err
	}
	if proved == OutcomeUnconfirmed {
		p.emit(Event{Name: EventLoginUnconfirmed, Session: in.Session.ID(), Subject: id.Subject, SID: id.SID, Context: ctx})
	}
	in.ReturnTo, in.Reauthentication = l.ReturnTo, proved
	return in, nil
}

// userError is the error of a login of which it is known, from a verified ID token, who has
// tried.
type userError struct {
	error
	subject, sid string
}

func (e *userError) Unwrap() error { return e.error }

// loginOf adds to the error of a login whose it is.
func loginOf(id *provider.IDToken, err error) error {
	return &userError{error: err, subject: id.Subject, sid: id.SID}
}

// unusedCode reports whether the auth domain rejected a code, or was not sent it.
func unusedCode(err error) bool {
	var refused *ProviderError
	return errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 || errors.Is(err, provider.ErrBusy)
}

// checkMaxAge holds the provider to the MaxAge of a login (OpenID Connect Core 1.0
// §3.1.3.7, 13). The age of the proof is by the provider's clock; the time that the
// login has taken is by ours.
func (p *Passport) checkMaxAge(l loginstate.State, id *provider.IDToken) error {
	if l.MaxAge == 0 {
		return nil
	}
	if id.AuthTime.IsZero() || id.Issued.IsZero() {
		return fmt.Errorf("%w: the ID token has no auth_time", ErrNotRecent)
	}
	taken := max(p.c.Now().Sub(time.Unix(l.Begun, 0)), 0)
	if id.Issued.Sub(id.AuthTime) > time.Duration(l.MaxAge)*time.Second+taken+instanceLeeway {
		return ErrNotRecent
	}
	return nil
}

// checkACR holds the provider to LoginOptions.RequireACR.
func checkACR(l loginstate.State, t tokens) error {
	var a authentication
	if err := t.readClaims(&a); err != nil {
		return err
	}
	return a.checkACR(l.ACR)
}

// reauthentication decides whether the user gave credentials after the logout that
// was unfinished when the login began. Their age is measured by the provider's
// clock, in whole seconds; the time since the logout by ours. A logout that is later than
// the login that came after it was noted by a clock that has been put right since, or by
// another instance's: then the time since the login began counts, which is less.
// OutcomeFailed: certainly not.
func (p *Passport) reauthentication(l loginstate.State, id *provider.IDToken) Outcome {
	if !l.Asked {
		return OutcomeSkipped
	}
	if id.AuthTime.IsZero() || id.Issued.IsZero() {
		return OutcomeUnconfirmed
	}
	logout, begun := logoutstate.Time(l.Logout), time.Unix(l.Begun, 0)
	if logout.IsZero() || logout.After(begun.Add(time.Second)) { // begun is a whole second
		logout = begun
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

// admit calls Config.OnSignIn. If that refuses, fails or panics, the refresh token
// is revoked.
func (p *Passport) admit(ctx context.Context, t *tokens, id *provider.IDToken) error {
	if p.c.OnSignIn == nil {
		return nil
	}
	admitted := false
	defer func() {
		if !admitted {
			p.enqueueToken(storage.Record{Subject: id.Subject, SID: id.SID}, *t)
		}
	}()
	err := p.c.OnSignIn(ctx, &SignInAttempt{
		Subject:     id.Subject,
		SID:         id.SID,
		IDToken:     t.IDToken,
		AccessToken: t.AccessToken,
		tokens:      t,
	})
	admitted = err == nil
	var refused *SignInRefused
	if err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", ErrSignIn, err)
	}
	return err
}

// welcome begins the session of a login that was begun at a moment, as a mark
// counts them, and whose tokens have been verified. remember is LoginOptions.Remember.
func (p *Passport) welcome(ctx context.Context, t tokens, id *provider.IDToken, begun int64, remember time.Duration) (LoginResult, error) {
	if err := p.admit(ctx, &t, id); err != nil {
		return LoginResult{}, loginOf(id, err)
	}
	in, err := p.beginSession(ctx, t, id.Subject, id.SID, remember)
	if err != nil {
		p.enqueueToken(storage.Record{Subject: id.Subject}, t)
		return LoginResult{}, loginOf(id, err)
	}
	if err := p.confirmLogin(ctx, in.Session, id, begun); err != nil {
		return LoginResult{}, loginOf(id, err)
	}
	if err := p.liftMarks(ctx, t, id.Subject, in.Session.record().SID, begun); err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the bearer tokens of a login may be refused until they are refreshed", "error", err)
	}
	p.endOldest(ctx, id.Subject, in.Session.ID())
	p.emit(Event{Name: EventLogin, Session: in.Session.ID(), Subject: in.Session.Subject(), SID: in.Session.record().SID, Context: ctx})
	return in, nil
}

// beginSession stores a new session of the user subject, in the Passport session
// sid, which may be empty. remember is LoginOptions.Remember.
func (p *Passport) beginSession(ctx context.Context, t tokens, subject, sid string, remember time.Duration) (LoginResult, error) {
	now := p.c.Now()
	h := head{Begun: now.Unix(), Seen: now.Unix(), End: now.Add(cmp.Or(remember, p.c.SessionLifetime)).Unix(), Remembered: remember > 0}
	secret := Secret(records.NewSecret())
	rec := p.records.New(storage.KindSession, secret.Reveal())
	rec.Subject, rec.SID, rec.Expiry = subject, sid, p.expiry(h)
	rec = p.records.SealSession(rec, h, t.marshal())
	saved, err := p.records.Save(ctx, rec)
	if records.NotReplicated(err) {
		p.makeTokensSafe(saved, t)
		err = nil
	}
	if err != nil {
		return LoginResult{}, errors.Join(storeError(err), p.records.Undo(ctx, rec, err))
	}
	p.records.KeepHead(&saved)
	return LoginResult{
		Session:   &Session{p: p, rec: saved, head: &h, tokens: &t},
		SessionID: secret,
	}, nil
}

// confirmLogin ends a new session again if the provider logged the user out before
// it was stored, or if that is unknown.
func (p *Passport) confirmLogin(ctx context.Context, s *Session, id *provider.IDToken, begun int64) error {
	overtaken, err := p.overtook(ctx, begun, id, s.rec.SID)
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

func init() { testsession.Begin = beginTestSession }

// beginTestSession is how passporttest.NewSession begins a session: as a login
// does, without the provider.
func beginTestSession(ctx context.Context, passport any, issue func(testsession.Client) testsession.Tokens) (testsession.Session, error) {
	p, ok := passport.(*Passport)
	if !ok {
		return testsession.Session{}, errors.New("passport: not a *passport.Passport")
	}
	issued := issue(testsession.Client{Issuer: p.c.Issuer, ClientID: p.c.ClientID, Audience: p.c.Audience, Now: p.c.Now})
	t := tokens{
		IDToken:     Secret(issued.IDToken),
		AccessToken: Secret(issued.AccessToken),
		TokenType:   "Bearer",
		Scope:       issued.Scope,
		Expiry:      issued.Expiry,
	}
	in, err := p.beginSession(ctx, t, issued.Subject, issued.SID, 0)
	if err != nil {
		return testsession.Session{}, err
	}
	return testsession.Session{
		Cookie: p.http.session,
		ID:     in.SessionID.Reveal(),
		In: func(ctx context.Context) context.Context {
			return context.WithValue(ctx, sessionKey{}, in.Session)
		},
	}, nil
}

// replace ends the session that a browser had before it signed in again. It notes
// first which session takes its place.
func (p *Passport) replace(ctx context.Context, old Secret, next string) {
	if !records.Plausible(old.Reveal()) {
		return
	}
	id := p.records.SessionID(old.Reveal())
	if id == next {
		return
	}
	note := p.records.New(storage.KindSuccessor, id)
	note.Expiry = p.c.Now().Add(retiredLife)
	if _, err := p.records.Put(ctx, note, []byte(next)); err != nil && !errors.Is(err, storage.ErrConflict) {
		p.c.Logger.WarnContext(ctx, "passport: the logins in other tabs of a browser have to be begun again", "error", err)
	}
	app, removed, err := p.endSession(ctx, id, EventSessionReplaced)
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the session before this login could not be ended", "error", err)
	}
	if app.gone() {
		p.revoker.RevokeOne(removed)
	}
}

// StepUp says how the user of a request must have signed in. At least one field must be
// set.
type StepUp struct {
	// ACRValues are the accepted authentication contexts (the claim acr, OpenID Connect
	// Core 1.0 §2): separated by spaces, the preferred first. Default: any.
	ACRValues string

	// MaxAge is the longest time since the user last gave credentials (the claim
	// auth_time); ten seconds more are allowed, because clocks differ. Default: any
	// time ago.
	MaxAge time.Duration
}

// check reports what is wrong with s.
func (s StepUp) check() error {
	switch {
	case s.MaxAge < 0:
		return fmt.Errorf("StepUp.MaxAge is negative")
	case s.MaxAge == 0 && strings.TrimSpace(s.ACRValues) == "":
		return fmt.Errorf("StepUp has neither ACRValues nor MaxAge: any login will do")
	case strings.ContainsFunc(s.ACRValues, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }):
		return fmt.Errorf("StepUp.ACRValues has a character that is not allowed in WWW-Authenticate")
	}
	return nil
}

// authentication are the claims that say how a user has signed in.
type authentication struct {
	ACR      string  `json:"acr"`
	AuthTime float64 `json:"auth_time"`
}

func (a authentication) satisfies(s StepUp, now time.Time) error {
	if err := a.checkACR(s.ACRValues); err != nil {
		return err
	}
	at := jwt.Date(a.AuthTime)
	if s.MaxAge > 0 && (at.IsZero() || now.Sub(at) > s.MaxAge+instanceLeeway) {
		return ErrNotRecent
	}
	return nil
}

// checkACR returns ErrInsufficientACR if acr is none of the values.
func (a authentication) checkACR(values string) error {
	if wanted := strings.Fields(values); len(wanted) > 0 && !slices.Contains(wanted, a.ACR) {
		return ErrInsufficientACR
	}
	return nil
}

// Satisfies returns nil if the session's user has signed in as need says, and
// ErrInsufficientACR or ErrNotRecent if not. Other errors are as for [Session.Profile].
// [Passport.RequireStepUp] is the same as middleware.
func (s *Session) Satisfies(ctx context.Context, need StepUp) error {
	var a authentication
	if err := s.Claims(ctx, &a); err != nil {
		return err
	}
	return a.satisfies(need, s.p.provider.Now())
}

// CheckBearer returns nil if the user of a token that VerifyBearer accepted has signed in
// as s says, and ErrInsufficientACR or ErrNotRecent if not. Access tokens have the claims
// for that too (RFC 9068 §2.2.1). [Passport.RequireBearerStepUp] is the same as
// middleware.
func (p *Passport) CheckBearer(b Bearer, s StepUp) error {
	var a authentication
	if err := b.Claims(&a); err != nil {
		return err
	}
	return a.satisfies(s, p.provider.Now())
}
