package provider

import (
	"errors"
	"strings"
)

// mostLoginCalls bounds how many calls for logins are under way at once: pushed
// requests, codes, and requests for a device code. Anybody can begin a login, without
// being anybody's user, and while the provider does not answer, each call would keep a
// connection and a request open for as long as it may take. A provider that answers
// within 0.2 s admits 2,500 logins a second with it.
const mostLoginCalls = 512

var errBusy = errors.New("too many logins wait for its answer")

// forLogin makes calls on behalf of somebody who may be a stranger, or returns an
// UnreachableError without making them.
func (c *Client) forLogin(calls func() error) error {
	if !c.logins.TryAcquire(1) {
		_, host, _ := strings.Cut(c.c.Issuer, "://")
		return &UnreachableError{cause: errBusy, host: host}
	}
	defer c.logins.Release(1)
	return calls()
}
