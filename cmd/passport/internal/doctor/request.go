package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/text"
)

const (
	// longestBody is how much of a response is looked at.
	longestBody = 512 << 10

	// shortestID is how long a cookie's value has to be to identify a user.
	shortestID = 16

	// mostRedirects bounds a chain of them.
	mostRedirects = 10
)

// transportOf makes a new connection for each request, so that a load balancer has
// the chance to choose another instance.
func transportOf(base *http.Transport) *http.Transport {
	if base == nil {
		base = http.DefaultTransport.(*http.Transport)
	}
	own := base.Clone()
	own.DisableKeepAlives = true
	own.MaxResponseHeaderBytes = 256 << 10
	return own
}

// response is an answer to one request.
type response struct {
	*http.Response
	body         string        // at most longestBody
	clock        time.Duration // by how much the server's clock is ahead of ours
	clockIsKnown bool
}

// send makes one request and follows no redirect. An error says nothing that the URL
// holds.
func (e *examination) send(ctx context.Context, jar http.CookieJar, r *http.Request) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r.Header.Set("User-Agent", "passport-doctor")
	client := http.Client{
		Transport: e.transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	begun := e.o.Now()
	res, err := client.Do(r.WithContext(ctx))
	if err != nil {
		return response{}, withoutURL(err)
	}
	defer res.Body.Close()
	answered := e.o.Now()
	body, err := io.ReadAll(io.LimitReader(res.Body, longestBody))
	if err != nil {
		return response{}, withoutURL(err)
	}
	for _, c := range res.Cookies() {
		if len(c.Value) >= shortestID { // what is shorter may be a word of a sentence
			e.secrets = append(e.secrets, c.Value)
		}
	}
	a := response{Response: res, body: string(body)}
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		if age, err := strconv.ParseUint(res.Header.Get("Age"), 10, 31); err == nil { // of a cache (RFC 9111 §5.1)
			date = date.Add(time.Duration(age) * time.Second)
		}
		a.clock, a.clockIsKnown = date.Add(time.Second/2).Sub(begun.Add(answered.Sub(begun)/2)), true
	}
	return a, nil
}

func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// reason is an error in one short line. What it quotes, others have written.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + requestTimeout.String()
	}
	before, _, _ := strings.Cut(err.Error(), `"`)
	return text.Line(strings.TrimRight(before, " :"), 300)
}

// navigation is the request of a browser that a user types an address into.
func navigation(address string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	for name, value := range map[string]string{
		"Accept":         "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
		"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1",
	} {
		r.Header.Set(name, value)
	}
	return r, nil
}

// visit is a navigation that follows redirects, with cookies, as long as follow agrees
// to the next address. end is the address of the response, or the one that follow
// refused.
func (e *examination) visit(ctx context.Context, address string, follow func(*url.URL) bool) (res response, end *url.URL, err error) {
	jar, _ := cookiejar.New(nil) // never fails
	for range mostRedirects {
		r, err := navigation(address)
		if err != nil {
			return response{}, nil, err
		}
		if res, err = e.send(ctx, jar, r); err != nil {
			return response{}, nil, err
		}
		to := res.location()
		if to == nil {
			return res, r.URL, nil
		}
		if !follow(to) {
			return res, to, nil
		}
		address = to.String()
	}
	return response{}, nil, errors.New("too many redirects")
}

// location is where a response redirects to, or nil.
func (r response) location() *url.URL {
	if r.StatusCode < 300 || r.StatusCode > 399 {
		return nil
	}
	to, err := r.Location()
	if err != nil {
		return nil
	}
	return to
}

// at reports whether two addresses differ in the query at most.
func at(u *url.URL, address string) bool {
	other, err := url.Parse(address)
	return err == nil && u != nil && authdomain.OriginOf(u) == authdomain.OriginOf(other) && or(u.EscapedPath(), "/") == or(other.EscapedPath(), "/")
}

// place is an address without its query, which may hold secrets.
func place(u *url.URL) string {
	if u == nil {
		return "nowhere"
	}
	return text.Line(authdomain.OriginOf(u)+u.EscapedPath(), 255)
}

// otherSite reports whether two hosts are certainly of two sites, for which browsers
// may keep cookies back. That two names that share their last two labels are of one
// site only the list of public suffixes knows.
func otherSite(a, b *url.URL) bool {
	one, other := strings.ToLower(a.Hostname()), strings.ToLower(b.Hostname())
	return one != other && lastLabels(one) != lastLabels(other)
}

func lastLabels(host string) string {
	if strings.Contains(host, ":") || strings.Trim(host, "0123456789.") == "" {
		return host // an IP address
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}
