package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/text"
)

// Error is an error response of the provider (RFC 6749 §4.1.2.1 and §5.2).
type Error struct {
	Status      int           // of HTTP; 0 for an error that came with the browser
	Code        string        // of OAuth; empty if the response had none
	Description string        // the provider's own text
	RetryAfter  time.Duration // 0 if the provider did not say

	empty    bool // the response had no body at all
	page     bool // the body was a web page
	redirect bool
}

// Error names the status and the code; the description is left to those who ask.
func (e *Error) Error() string {
	s := "passport: the auth domain answered"
	if e.Status != 0 {
		s += fmt.Sprintf(" with status %d", e.Status)
	}
	if e.redirect {
		s += ", a redirect, which is not followed"
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
	e := &Error{Status: status, Description: text.Line(description, 300), redirect: status >= 300 && status < 400}
	if len(code) <= 64 && strings.IndexFunc(code, notInCode) < 0 {
		e.Code = code
	}
	return e
}

func notInCode(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
}

// err reads an OAuth error (RFC 6749 §5.2). A response that is not JSON has its
// status alone.
func (r response) err() *Error {
	o, _ := jwt.ParseObject(trimBOM(r.body))
	code, _ := o.Text("error")
	description, _ := o.Text("error_description")
	e := newError(r.status, code, description)
	e.RetryAfter = retryAfter(r.header)
	e.empty, e.page = len(r.body) == 0, r.isPage()
	return e
}

// isPage reports whether a response is for a browser to show, as something in between
// may answer in the provider's place: a firewall, a company's proxy, the sign-in of a
// network. None of the provider's own responses is, whatever its Content-Type.
func (r response) isPage() bool {
	return bytes.HasPrefix(bytes.TrimSpace(trimBOM(r.body)), []byte("<"))
}

// pageError reports a page in the place of a response with status 200.
type pageError struct{ error }

func (r response) notTheirs() error {
	return &pageError{r.unusable("is a web page, of something in between, such as a company's proxy")}
}

// unusable says why a response could not be used, without its body.
func (r response) unusable(reason string) error {
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	if kind == "" {
		kind = "no Content-Type"
	}
	return fmt.Errorf("passport: the provider's response (status %d, %s, %d bytes) %s", r.status, text.Line(kind, 50), len(r.body), reason)
}

// retryAfter reads both forms of the header (RFC 9110 §10.2.3). A date is compared
// with that of the response, for clocks differ.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(at.Sub(now), 0)
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

// broken reports whether a call failed after it may have arrived, and not because it
// took too long.
func broken(err error) bool {
	var unreachable *UnreachableError
	var never *net.OpError
	return errors.As(err, &unreachable) &&
		!(errors.As(err, &never) && never.Op == "dial") &&
		!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// temporary reports whether a provider that did not answer, that is unwell, or in whose
// place something else has answered may be asked again.
func temporary(err error) bool {
	var unreachable *UnreachableError
	var page *pageError
	var e *Error
	return errors.As(err, &unreachable) || errors.As(err, &page) ||
		errors.As(err, &e) && (e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.page)
}
