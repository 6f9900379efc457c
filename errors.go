package passport

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/storage"
)

// Errors that callers act on, with errors.Is.
var (
	// ErrNoSession reports that there is no such session: it never existed, has
	// ended, or has expired.
	ErrNoSession = errors.New("passport: no session")

	// ErrNoLogin reports a callback that belongs to no login in this browser: it
	// took longer than ten minutes, was already used or was started elsewhere, or
	// the browser has logged out since. Start a new login.
	ErrNoLogin = errors.New("passport: no such login in progress in this browser")

	// ErrLoginLoop reports a login that does not begin, because the browser has just
	// signed in several times and had no session each time: the cookie of the session
	// does not come back, or its record is not in the Store. It may sign in again 20
	// seconds later.
	ErrLoginLoop = errors.New("passport: this browser has signed in several times within seconds and had no session each time: the session's cookie does not come back, or its record is not in this instance's store")

	// ErrNoLogout reports that there is no logout request to post: it was already
	// fetched, belongs to another browser, or has expired.
	ErrNoLogout = errors.New("passport: no such logout request for this browser")

	// ErrNotReauthenticated reports a login after an unfinished logout for which
	// the provider did not ask for credentials, despite prompt=login: the ID
	// token's auth_time is earlier than the logout. Accepting it would sign the
	// previous user straight back in. No session has begun. The user can finish the
	// logout at the URL of [Passport.UnfinishedLogout], and then sign in.
	ErrNotReauthenticated = errors.New("passport: the provider has not asked for credentials since the last logout, which is unfinished")

	// ErrNotRecent reports a login with LoginOptions.MaxAge for which the provider did
	// not ask for credentials, or does not say when it last did (the ID token's
	// auth_time, which OpenID Connect Core 1.0 §2 requires here). It is also the error
	// of a request at [Passport.RequireRecent] that is not a navigation, and so cannot
	// be redirected to such a login: have the page navigate.
	ErrNotRecent = errors.New("passport: the user has not proved recently enough who they are")

	// ErrInsufficientACR reports a login with LoginOptions.RequireACR in which the
	// provider used none of the ACRValues. It is also the error of a request at
	// [Passport.RequireStepUp] or [Passport.RequireBearerStepUp] whose user has to sign
	// in with one of them first.
	ErrInsufficientACR = errors.New("passport: the user has not signed in by one of the required methods (acr)")

	// ErrTokenExpired reports an access token that has expired and cannot be
	// refreshed, because the login returned no refresh token (scope
	// offline_access). The session itself goes on.
	ErrTokenExpired = errors.New("passport: the access token has expired and there is no refresh token")

	// ErrStoreUnavailable reports that the Store could not answer, so the state of
	// the session or login is unknown: try again later. It wraps the Store's own
	// error.
	ErrStoreUnavailable = errors.New("passport: the session store could not answer")

	// ErrNoBearer reports a request without a bearer token.
	ErrNoBearer = errors.New("passport: no bearer token")

	// ErrBearerInvalid reports a bearer token that was not issued to this client or is
	// not for its API, has an invalid signature, or has expired.
	ErrBearerInvalid = errors.New("passport: the bearer token is not valid")

	// ErrBearerSignedOut reports a bearer token whose user has signed out since it
	// was issued. It is an ErrBearerInvalid too.
	ErrBearerSignedOut = fmt.Errorf("%w: its user has signed out", ErrBearerInvalid)

	// ErrKeysUnavailable reports that the provider's signing keys could not be
	// fetched, so a bearer token or a logout token cannot be verified: try again
	// later.
	ErrKeysUnavailable = errors.New("passport: the provider's signing keys are not available")

	// ErrClosed is the error of a refresh, of a count of the pending revocations, or of
	// a wait for a session, after Close.
	ErrClosed = errors.New("passport: closed")
)

// ProviderError is an error response of the auth domain to a login (RFC 6749
// §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6), a refresh or a revocation.
type ProviderError struct {
	// Status is the HTTP status, or 0 for an error in the redirect to the app.
	Status int

	// Code is the OAuth error code, such as access_denied, or empty if the response
	// had none.
	Code string

	// Description is the provider's own text. Escape it before you show it: it is
	// not safe HTML.
	Description string

	cause error
}

// Error returns the status and the code, without the description.
func (e *ProviderError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return "passport: the login was refused: " + e.Code
}

// Unwrap returns the underlying error, or nil.
func (e *ProviderError) Unwrap() error { return e.cause }

// denied reports whether the user declined, or the provider does not let this user in:
// unauthorized is what Auth0 says of a user who is blocked.
func (e *ProviderError) denied() bool {
	return e.Status == 0 && (e.Code == "access_denied" || e.Code == "unauthorized")
}

// mustAsk reports whether the provider would have to ask the user, of a login that must not
// (OpenID Connect Core 1.0 §3.1.2.6).
func (e *ProviderError) mustAsk() bool {
	return e.Status == 0 && strings.HasSuffix(e.Code, "_required")
}

// tookTooLong reports whether the user was at the provider's page for too long. Keycloak
// says so in this way (its guide to OpenID Connect, "Authentication errors").
func (e *ProviderError) tookTooLong() bool {
	return e.Code == "temporarily_unavailable" && e.Description == "authentication_expired"
}

var (
	errBearerOff     = errors.New("passport: bearer tokens are not verified: set Config.BearerTokens on every instance, those that log out too")
	errBearerRequest = errors.New("passport: the Authorization header has not one bearer token")
	errMarkWaits     = errors.New("passport: a logout of this user or session waits for the store")
	errScope         = errors.New("passport: the access token lacks a scope")
	errNoRedirectURI = errors.New("passport: Config.RedirectURI is empty, so nobody can sign in here")

	errPrefetch     = web.ErrPrefetch
	errCrossOrigin  = web.ErrForeign
	errMethod       = web.ErrMethod
	errFrontChannel = errors.New("passport: a front-channel logout is a GET with iss and sid, or with neither")
)

// providerError gives an error of package provider the type that this package
// promises.
func providerError(err error) error {
	var refused *provider.Error
	switch {
	case errors.As(err, &refused):
		return &ProviderError{Status: refused.Status, Code: refused.Code, Description: refused.Description, cause: err}
	case errors.Is(err, provider.ErrCodeExpired):
		return fmt.Errorf("%w: the code was not entered in time", ErrNoLogin)
	}
	return err
}

// errLoginRequired is what a provider without a session says to a login that must
// not ask (OpenID Connect Core 1.0 §3.1.2.6).
var errLoginRequired = &ProviderError{Code: "login_required", Description: "the last logout of this browser is unfinished"}

// noLogin is ErrNoLogin for a response that belongs to no login. There are providers
// that leave out the state when they refuse a request: the log is then the only place
// where their error shows. It is anybody's, so the user does not see it.
func noLogin(query url.Values) error {
	refused := provider.Refusal(query)
	if refused == nil || refused.Code == "" {
		return ErrNoLogin
	}
	return fmt.Errorf("%w; the callback has the error %s", ErrNoLogin, refused.Code)
}

// keysError gives an error of package provider the sentinel for keys that could not be
// fetched, if it is about that.
func keysError(err error) error {
	if errors.Is(err, provider.ErrKeys) {
		return fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
	}
	return err
}

// storeError tells "there is none" from "the store could not answer".
func storeError(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return ErrNoSession
	}
	return fmt.Errorf("%w: %w", ErrStoreUnavailable, err)
}

// notSafe reports whether all that is wrong with a logout is that a fail-over may undo
// it.
func notSafe(err error) bool {
	return records.NotReplicated(err) && !errors.Is(err, ErrStoreUnavailable)
}
