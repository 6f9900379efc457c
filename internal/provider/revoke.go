package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// ErrNoRevocation reports a provider that cannot revoke: it has no revocation
// endpoint, or that does not know refresh tokens. The token lives on.
var ErrNoRevocation = errors.New("passport: the provider has no revocation endpoint")

// Revoke asks the provider to revoke a refresh token (RFC 7009 §2.1). A response
// other than 200 is a [RevocationError]; a web page is not the provider's.
func (c *Client) Revoke(ctx context.Context, refreshToken string) error {
	m, err := c.Metadata(ctx)
	if err != nil {
		return err
	}
	if m.Endpoints.Revoke == "" {
		return ErrNoRevocation
	}
	form := url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}}
	res, err := c.post(ctx, m, m.Endpoints.Revoke, form)
	if err != nil {
		return err
	}
	if res.isPage() && res.status < http.StatusMultipleChoices {
		return res.notTheirs() // the token lives on
	}
	if res.status == http.StatusOK || res.status == http.StatusNoContent {
		return nil
	}
	refused := res.err()
	if refused.Code == "unsupported_token_type" { // RFC 7009 §2.2.1
		return errors.Join(ErrNoRevocation, refused)
	}
	return &RevocationError{Err: refused, Final: finalRevocation(refused, m.confidential())}
}

// RevocationError is an answer other than 200.
type RevocationError struct {
	Err   *Error
	Final bool // asking again cannot help, and the token may live on
}

func (e *RevocationError) Error() string { return e.Err.Error() }
func (e *RevocationError) Unwrap() error { return e.Err }

// itsOwn reports whether a response is in the provider's words. Any other comes
// from something in between, and says nothing of the token.
func itsOwn(e *Error) bool { return e.Code != "" || e.empty }

// finalRevocation reports whether an error means that this token will never be
// revoked. RFC 7009 §2.2.1: 503 means "still there, try again". A refused client
// may be a secret that is about to be replaced; a public client that is refused
// has nothing to replace.
func finalRevocation(e *Error, confidential bool) bool {
	if !itsOwn(e) {
		return false
	}
	switch e.Code {
	case "invalid_client", "unauthorized_client":
		return !confidential
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return true
	case http.StatusUnauthorized, http.StatusForbidden:
		return !confidential
	}
	return false
}
