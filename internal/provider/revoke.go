package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ErrNoRevocation reports a provider without a revocation endpoint.
var ErrNoRevocation = errors.New("passport: the provider has no revocation endpoint")

// Revoke asks the provider to revoke a refresh token (RFC 7009 §2.1). A response
// other than 200 is a [RevocationError].
func (c *Client) Revoke(ctx context.Context, refreshToken string) error {
	m, err := c.Metadata(ctx)
	if err != nil {
		return err
	}
	if m.Endpoints.Revoke == "" {
		return ErrNoRevocation
	}
	form := url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}}
	res, body, err := c.post(ctx, m, m.Endpoints.Revoke, form)
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	refused := errorIn(res, body)
	return &RevocationError{
		Err:        refused,
		Final:      c.finalRevocation(res.StatusCode, refused.Code != "" || len(body) == 0),
		RetryAfter: retryAfter(res.Header.Get("Retry-After"), c.c.Now()),
	}
}

// RevocationError is an answer other than 200.
type RevocationError struct {
	Err        *Error
	Final      bool          // asking again cannot help
	RetryAfter time.Duration // 0 if the provider did not say
}

func (e *RevocationError) Error() string { return e.Err.Error() }
func (e *RevocationError) Unwrap() error { return e.Err }

// finalRevocation reports whether a status means that this token will never be
// revoked. RFC 7009 §2.2.1: 503 means "still there, try again". A refused
// client may be a secret that is about to be replaced; a public client that is
// refused has nothing to replace. An answer that is not in the provider's words
// comes from something in between, and says nothing of the token.
func (c *Client) finalRevocation(status int, itsWords bool) bool {
	if !itsWords {
		return false
	}
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented:
		return true
	case http.StatusUnauthorized, http.StatusForbidden:
		return c.c.ClientSecret == ""
	}
	return false
}

// retryAfter reads both forms of the header (RFC 9110 §10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
