package provider

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/internal/transport"
)

// Every call to a provider is made here, and bounded: in time, in the size of its
// response (after decompression) and of its headers. No redirect is followed, for
// it would hand tokens and codes to another address; no cookie is kept, for one
// user's are not another's.

const (
	// maxBody bounds a response, decompressed.
	maxBody = 1 << 20

	// maxHeader bounds its headers.
	maxHeader = 64 << 10

	// maxReason bounds what an error repeats of a failure that others describe.
	maxReason = 300
)

// response is a provider's response, read to its end.
type response struct {
	status int
	header http.Header
	body   []byte
}

// boundedTransport is base, or a copy of it, that bounds the headers of responses.
func boundedTransport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	known, ok := base.(*http.Transport)
	if !ok || known.MaxResponseHeaderBytes > 0 {
		return base
	}
	own := transport.Clone(known)
	own.MaxResponseHeaderBytes = maxHeader
	return own
}

// call sends a request.
func (c *Client) call(ctx context.Context, r *http.Request) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if runtime.GOOS == "js" {
		r.Header.Set("js.fetch:redirect", "error")
	} else {
		r.Header.Set("User-Agent", userAgent)
	}
	sent := c.c.Now()
	res, err := c.transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return response{}, &UnreachableError{cause: err, host: r.URL.Host}
	}
	defer res.Body.Close()
	c.compareClocks(res.Header, sent)
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return response{}, &UnreachableError{cause: err, host: r.URL.Host}
	case len(body) > maxBody:
		return response{}, errTooLarge
	}
	return response{res.StatusCode, res.Header, body}, nil
}

// userAgent says who calls. Firewalls against bots block net/http's own name, or none.
// In a browser it is the browser's: any other would make a call one that needs a preflight.
const userAgent = "passport-go (+https://github.com/passport-go/passport)"

var errTooLarge = errors.New("passport: the provider's response is larger than 1 MB")

// get reads what is at an address. A bearer token may be empty.
func (c *Client) get(ctx context.Context, address, bearer string) (response, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return response{}, errNotURL
	}
	r.Header.Set("Accept", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return c.call(ctx, r)
}

// post sends a form to one of the provider's endpoints, as this client.
func (c *Client) post(ctx context.Context, m *Metadata, address string, form url.Values) (response, error) {
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	if address != m.Endpoints.Token { // see grantTwice
		header["Idempotency-Key"] = nil // is not sent: net/http repeats the call if a connection that was idle breaks
	}
	if err := c.authenticate(m, form, header); err != nil {
		return response{}, err
	}
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return response{}, errNotURL
	}
	r.Header = header
	return c.call(ctx, r)
}

var errNotURL = errors.New("passport: the provider's endpoint is not a URL")

// UnreachableError reports a provider that did not answer, or not to the end.
type UnreachableError struct {
	cause error
	host  string
}

// Error says why, in at most a few hundred bytes, and repeats nothing of a
// response.
func (e *UnreachableError) Error() string {
	if errors.Is(e.cause, ErrBusy) { // it was not asked
		return e.cause.Error()
	}
	reason := e.cause.Error()
	if strings.Contains(reason, "malformed") { // net/http repeats what it could not read
		reason, _, _ = strings.Cut(reason, `"`)
	}
	return "passport: the provider could not be reached at " + text.Line(e.host, 255) + ": " + text.Line(reason, maxReason) + fetchHint(reason)
}

// fetchHint says what else a browser's fetch may mean when it fails: it does not tell a
// page which it was.
func fetchHint(reason string) string {
	if !strings.HasPrefix(reason, "net/http: fetch() failed") {
		return ""
	}
	return " (there is no network, or the provider does not allow calls from this page's origin (CORS), or the page's Content-Security-Policy forbids them: the browser's console says which)"
}

func (e *UnreachableError) Unwrap() error { return e.cause }

// mostTransit bounds how long before its arrival a response may have been dated.
const mostTransit = 2 * time.Second

// compareClocks remembers by how much the provider's clock is ahead of ours, and by how
// much at most: the Date of a response to a request that was sent at a moment is that of
// its beginning, which came later, without the part of the second. A cache, which may keep
// the provider's keys for hours, says in Age how many seconds ago that was (RFC 9111 §5.1).
func (c *Client) compareClocks(header http.Header, sent time.Time) {
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	inexact := time.Second
	if age, err := strconv.ParseUint(header.Get("Age"), 10, 31); err == nil && age > 0 {
		theirs = theirs.Add(time.Duration(age) * time.Second)
		inexact += time.Second
	}
	now := c.c.Now()
	c.skew.Store(int64(theirs.Sub(now)))
	c.mostSkew.Store(int64(theirs.Sub(now) + inexact + min(max(now.Sub(sent), 0), mostTransit)))
	c.compared.Store(true)
}

// sawIssued remembers that the provider has issued something at a moment of its clock,
// which is that far at least: some caches keep a response's Date, and do not say its Age.
func (c *Client) sawIssued(at time.Time) {
	if at.IsZero() {
		return
	}
	least := int64(at.Sub(c.c.Now()))
	raise(&c.skew, least)
	raise(&c.mostSkew, least+int64(time.Second))
}

// raise makes a number no less than that.
func raise(n *atomic.Int64, least int64) {
	for {
		now := n.Load()
		if now >= least || n.CompareAndSwap(now, least) {
			return
		}
	}
}

// clocksDiffer says by how much they do, if it is enough to matter. The Date of a
// response is exact to the second. Browsers do not show it to pages of other origins.
func (c *Client) clocksDiffer() string {
	if runtime.GOOS == "js" && !c.compared.Load() {
		return "; this device's clock may be wrong"
	}
	skew := time.Duration(c.skew.Load()).Round(time.Second)
	switch {
	case skew > 2*time.Second:
		return "; this machine's clock is " + skew.String() + " behind the provider's"
	case skew < -2*time.Second:
		return "; this machine's clock is " + (-skew).String() + " ahead of the provider's"
	}
	return ""
}
