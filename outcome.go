package passport

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/passport-go/passport/storage"
)

// Outcome is the result of a logout for one layer.
type Outcome string

// The outcomes.
const (
	// OutcomeDone: it is known to have ended.
	OutcomeDone Outcome = "done"

	// OutcomePending: it is in progress and continues in the background. For the
	// Passport session: the browser has yet to visit Logout.URL.
	OutcomePending Outcome = "pending"

	// OutcomeFailed: it could not be done; see the error.
	OutcomeFailed Outcome = "failed"

	// OutcomeSkipped: there was nothing to do.
	OutcomeSkipped Outcome = "skipped"

	// OutcomeUnsupported: the provider cannot do it. For the revocation: it has no
	// revocation endpoint, so the refresh token stays valid until it expires.
	OutcomeUnsupported Outcome = "unsupported"

	// OutcomeUnconfirmed: the browser made the visit, but nothing proves that the
	// Passport session has ended. In browsers that block third-party cookies, a
	// silent logout looks just the same and does nothing. The user can finish it at
	// Logout.URL, and the next login from that browser asks for credentials.
	OutcomeUnconfirmed Outcome = "unconfirmed"
)

// Logout is the result of a logout, layer by layer, and what is left to do.
type Logout struct {
	// Mode is how the browser should visit URL.
	Mode LogoutMode

	// URL is the address that the user's browser must visit, because nothing else
	// can end the Passport session. It is for that browser only: with
	// Config.Discover it may carry the user's ID token as a hint.
	URL string

	// State identifies the browser's return to [Passport.CheckLogoutReturn]. A
	// program that does not use [Passport.Logout] keeps it for its browser until
	// the logout is known to be complete, or a login with Prompt login has
	// succeeded: until then, any other login may sign the user straight back in.
	State Secret

	// App is the app session in the store: OutcomeDone, OutcomeSkipped (there was
	// none), OutcomePending (it is gone, but a fail-over of the store may bring it back
	// until the store's replicas have confirmed; see storage.ErrNotReplicated), or
	// OutcomeFailed (the store did not answer). What is pending is done again in the
	// background until it is confirmed, while the process runs. A logout of one session
	// that failed is retried in the background while the process runs; if
	// EndSessions failed, call it again.
	App Outcome

	// Revocation is the refresh token: OutcomeDone, OutcomeSkipped (there was
	// none), OutcomePending (it is retried until it succeeds), OutcomeFailed (the
	// auth domain refused) or OutcomeUnsupported (the provider cannot revoke).
	Revocation Outcome

	// Passport is the Passport session: OutcomePending; OutcomeDone; or
	// OutcomeUnconfirmed, if a discovered provider has no end-session endpoint, or
	// its metadata could not be fetched. URL then leads back to the app.
	Passport Outcome

	// Ended is how many app sessions were ended.
	Ended int

	posted string // where the browser posts the request that it picks up at URL; mostly empty
}

// newLogout is the result of a logout before anything is done. It lacks the URL.
func newLogout(mode LogoutMode) Logout {
	return Logout{Mode: mode, App: OutcomeSkipped, Revocation: OutcomeSkipped, Passport: OutcomePending}
}

// logoutOf is the result of a logout of one session, before its token is revoked. It
// lacks the URL.
func logoutOf(mode LogoutMode, app Outcome) Logout {
	l := newLogout(mode)
	l.App = app
	if app != OutcomeSkipped {
		l.Revocation = OutcomePending
	}
	if app.gone() {
		l.Ended = 1
	}
	return l
}

// gone reports whether the app session has been removed.
func (o Outcome) gone() bool { return o == OutcomeDone || o == OutcomePending }

// worse returns the worse of two outcomes.
func worse(a, b Outcome) Outcome {
	for _, o := range []Outcome{OutcomeFailed, OutcomePending, OutcomeUnsupported, OutcomeDone} {
		if a == o || b == o {
			return o
		}
	}
	return a
}

// appOutcome is that of sessions that were removed with an error.
func appOutcome(err error) Outcome {
	if errors.Is(err, storage.ErrNotReplicated) {
		return OutcomePending
	}
	return OutcomeDone
}

// Format prints the outcomes and the URL without its query, which may contain the
// user's ID token, whatever the verb. JSON contains the whole URL, for the browser
// that has to visit it.
func (l Logout) Format(f fmt.State, _ rune) {
	address, _, _ := strings.Cut(l.URL, "?")
	_, _ = fmt.Fprintf(f, "passport.Logout{Mode: %q, URL: %q, App: %q, Revocation: %q, Passport: %q, Ended: %d}",
		l.Mode, address, l.App, l.Revocation, l.Passport, l.Ended)
}

// LogValue is Format for slog.
func (l Logout) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(l)) }

// via are the addresses that the browser passes through on its way from URL.
func (l Logout) via() []string {
	if l.posted == "" {
		return nil
	}
	return []string{l.posted}
}
