package passporttest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Request is one request as it reached the auth domain.
type Request struct {
	Time   time.Time
	Method string
	Path   string
	Query  url.Values
	Form   url.Values // what a form in the body held
	Header http.Header

	// SID is the SID of the live Passport session whose cookie the request carried,
	// or empty.
	SID string

	// Status is the status of the response. It is 0 until there is one, and stays 0
	// if a fault cuts the connection.
	Status int
}

// Requests returns the requests that have arrived, in order: those for one of the
// paths, or all if none is given. CORS preflight requests are not among them: see
// [AuthDomain.Preflights]. Do not modify the result.
func (d *AuthDomain) Requests(paths ...string) []Request {
	found, _, _ := d.record.find(paths)
	return found
}

// Await waits until n requests for path have been handled, and returns those that have
// arrived by then. A request has been handled when it has had all its effects (a token
// is revoked, a session ended) and its response is being sent, or as soon as a fault
// makes it hang. Await returns an error if ctx is done first.
func (d *AuthDomain) Await(ctx context.Context, path string, n int) ([]Request, error) {
	for {
		found, settled, changed := d.record.find([]string{path})
		if settled >= n {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return found, fmt.Errorf("passporttest: %d of %d requests for %s came: %w", settled, n, path, ctx.Err())
		}
	}
}

type recorder struct {
	mu         sync.Mutex
	entries    []*entry
	preflights []Preflight
	changed    chan struct{} // closed at the next change
}

type entry struct {
	Request
	settled bool
}

func (c *recorder) add(r *http.Request, now time.Time, sid string) *entry {
	e := &entry{Request: requestFrom(r, now)}
	e.SID = sid
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = append(c.entries, e)
	return e
}

func (c *recorder) addPreflight(r *http.Request, now time.Time, refused string) {
	p := Preflight{Request: requestFrom(r, now), Refused: refused}
	p.Status = http.StatusNoContent
	c.mu.Lock()
	defer c.mu.Unlock()
	c.preflights = append(c.preflights, p)
}

func (c *recorder) preflightsFor(paths []string) []Preflight {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []Preflight
	for _, p := range c.preflights {
		if len(paths) == 0 || slices.Contains(paths, p.Path) {
			found = append(found, p)
		}
	}
	return found
}

func requestFrom(r *http.Request, now time.Time) Request {
	return Request{
		Time:   now,
		Method: r.Method,
		Path:   r.URL.Path,
		Query:  r.URL.Query(),
		Form:   maps.Clone(r.PostForm),
		Header: r.Header.Clone(),
	}
}

// settle records that e has been handled; status is 0 if a fault makes it hang.
func (c *recorder) settle(e *entry, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.Status, e.settled = status, true
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

func (c *recorder) find(paths []string) (found []Request, settled int, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if len(paths) > 0 && !slices.Contains(paths, e.Path) {
			continue
		}
		found = append(found, e.Request)
		if e.settled {
			settled++
		}
	}
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return found, settled, c.changed
}
