package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/passport-go/passport/internal/text"
)

// Error is an error response of the provider (RFC 6749 §4.1.2.1 and §5.2).
type Error struct {
	Status      int    // of HTTP; 0 for an error that came with the browser
	Code        string // of OAuth; empty if the response had none
	Description string // the provider's own text

	empty bool // the response had no body at all
}

// Error names the status and the code; the description is left to those who ask.
func (e *Error) Error() string {
	s := "passport: the auth domain answered"
	if e.Status != 0 {
		s += fmt.Sprintf(" with status %d", e.Status)
	}
	if e.Code != "" {
		s += " " + e.Code
	}
	return s
}

// newError keeps from a provider's words what is fit to be shown: an error code
// of the characters that RFC 6749 §5.2 allows, and a text of limited length
// without control characters.
func newError(status int, code, description string) *Error {
	e := &Error{Status: status, Description: text.Line(description, 300)}
	if len(code) <= 64 && strings.IndexFunc(code, notInCode) < 0 {
		e.Code = code
	}
	return e
}

func notInCode(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
}

// errorIn reads an OAuth error (RFC 6749 §5.2). A response that is not JSON has
// its status alone.
func errorIn(res *http.Response, body []byte) *Error {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &answer)
	return newError(res.StatusCode, answer.Error, answer.Description)
}

// tokenError keeps of an error what is fit to be shown: x/oauth2 repeats the
// whole response, which may hold anything.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		var network *url.Error
		if errors.As(err, &network) {
			return fmt.Errorf("passport: the auth domain could not be reached: %w", err)
		}
		return errors.New("passport: the auth domain's answer to the token request is not usable")
	}
	status := 0
	if refused.Response != nil {
		status = refused.Response.StatusCode
	}
	e := newError(status, refused.ErrorCode, refused.ErrorDescription)
	e.empty = len(refused.Body) == 0
	return e
}

// InvalidGrant reports whether a refresh failed because the refresh token is
// dead, and not because the provider is unwell. Providers say it in several ways:
// invalid_grant, invalid_request, or a 400 with an empty body. A 400 with another
// body than an OAuth error comes from something in between.
func InvalidGrant(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == "invalid_grant" || e.Status == http.StatusBadRequest && (e.Code == "invalid_request" || e.empty)
}

// temporary reports whether a provider that did not answer, or that is unwell,
// may be asked again.
func temporary(err error) bool {
	var network *url.Error
	var e *Error
	return errors.As(err, &network) || errors.As(err, &e) && (e.Status >= 500 || e.Status == http.StatusTooManyRequests)
}
