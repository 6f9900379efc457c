package provider

import (
	"errors"

	"golang.org/x/sync/semaphore"
)

// mostLoginCalls bounds how many logins call the provider at once: as many may begin,
// with a pushed request or a device code, and as many come back with a code, for whoever
// begins one is nobody's user yet and must not be in the way of those who come back.
// While the provider does not answer, each call keeps a connection and a request open for
// as long as it may take. A provider that answers within 0.2 s admits 2,500 logins a
// second with it.
const mostLoginCalls = 512

// ErrBusy reports a login that was not begun, or whose code was not sent, because too
// many others wait for the provider's answer.
var ErrBusy = errors.New("passport: too many logins wait for the provider's answer: try again shortly")

// forLogin makes calls on behalf of somebody who may be a stranger, in a place of its
// own among at most mostLoginCalls, or returns ErrBusy as an UnreachableError.
func forLogin(places *semaphore.Weighted, calls func() error) error {
	if !places.TryAcquire(1) {
		return &UnreachableError{cause: ErrBusy}
	}
	defer places.Release(1)
	return calls()
}
