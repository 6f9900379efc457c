package passport

import "errors"

// Errors that callers act on, with errors.Is.
var (
	// ErrNoSession reports that there is no such session: it never was, has
	// been ended, or has expired.
	ErrNoSession = errors.New("passport: no session")

	// ErrNoLogin reports a callback that answers no login begun in this
	// browser: it took longer than ten minutes, was answered already, or was
	// begun elsewhere; or the browser has logged out since. Start a new login.
	ErrNoLogin = errors.New("passport: no such login in progress in this browser")

	// ErrNoLogout reports a logout request that is not there to be posted: it has
	// been fetched before, is another browser's, or has waited for too long.
	ErrNoLogout = errors.New("passport: no such logout request for this browser")

	// ErrNotReauthenticated reports a login after an unfinished logout at which the
	// provider has not asked the user who they are, although it was asked to
	// (prompt=login): the ID token's auth_time lies before the logout. To let it in
	// would sign the user, or whoever sits there now, straight back in. No session
	// has begun. The user can finish the logout at the URL of
	// [Passport.UnfinishedLogout], and sign in then.
	ErrNotReauthenticated = errors.New("passport: the provider has not asked for credentials since the last logout, which is unfinished")

	// ErrTokenExpired reports an access token that has expired and cannot be
	// refreshed, because the login brought no refresh token (scope
	// offline_access). The session itself lives on.
	ErrTokenExpired = errors.New("passport: the access token has expired and there is no refresh token")

	// ErrStoreUnavailable reports a Store that could not answer, so that nothing
	// is known of the session or the login: try again later. It wraps the Store's
	// own error.
	ErrStoreUnavailable = errors.New("passport: the session store could not answer")

	// ErrClosed reports a refresh that was asked for after Close.
	ErrClosed = errors.New("passport: closed")
)

// ProviderError is an error answer of the auth domain, to a login (RFC 6749
// §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6), a refresh or a revocation.
type ProviderError struct {
	// Status is the HTTP status, or 0 for an error that came with the
	// browser's return.
	Status int

	// Code is the OAuth error code, such as access_denied, or empty if the
	// answer had none.
	Code string

	// Description is the provider's own text. It was written by another party:
	// do not take it for safe HTML.
	Description string

	cause error
}

// Error names the status and the code; the description is left to those who ask.
func (e *ProviderError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return "passport: the login was refused: " + e.Code
}

// Unwrap returns the error that this one stands for.
func (e *ProviderError) Unwrap() error { return e.cause }

var (
	errPrefetch     = errors.New("passport: a login or logout is not for prefetching")
	errCrossOrigin  = errors.New("passport: a login or logout must be asked for by this site itself")
	errMethod       = errors.New("passport: a logout is a POST")
	errFrontChannel = errors.New("passport: a front-channel logout is a GET with iss and sid, or with neither")
)
