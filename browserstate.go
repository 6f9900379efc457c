package passport

import (
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/passport-go/passport/internal/logoutstate"
)

// BrowserState is what one browser sends and keeps: its session, its logins in
// progress, and its last logout. [Passport.BeginLogin], [Passport.FinishLogin],
// [Passport.EndBrowserSession] and [Passport.CheckLogoutReturn] take the state that
// the browser sent, and return the state that it has to keep.
//
// The handlers of this package keep it in cookies, which [Passport.BrowserState]
// reads and [Passport.SetBrowserState] writes. A program without net/http can use both
// as well, with a request and a response that have nothing but headers: see
// docs/signing-in.md. A program for one user may keep the fields in the user's files.
// They are Secrets, which encoding/json replaces by a placeholder: store what
// [Secret.Reveal] returns. The zero value is a new browser.
type BrowserState struct {
	// Session is the secret id of the session. Empty: the user is not signed in.
	Session Secret

	// Logins bind the logins in progress to this browser, for at most ten minutes
	// each. Tabs that start at the same time have one each; otherwise they share
	// one.
	Logins []Secret

	// Logout is the [Logout.State] of the last logout. Empty: there was none within
	// the last 30 days, or, if it was finished, within the last ten minutes.
	Logout Secret

	// LogoutFinished says that the Passport session is known to have ended, or that
	// the user has since given credentials. Until then, the next login asks for
	// credentials.
	LogoutFinished bool

	// The login that BeginLogin has just begun: the one of Logins that it uses, and its
	// state.
	begun, begunState Secret

	// Session, as the login that FinishLogin has just finished wants it.
	endsWithBrowser bool
	remember        time.Duration // 0: for Config.SessionLifetime

	// How many logins in a row have been finished by a browser that had begun one before
	// and had no session all the same, and when the last was.
	again   int
	againAt time.Time
}

// A browser that loses its session as soon as it has it is sent to sign in again and
// again. Each of these logins succeeds, so nothing would show it but the browser's own limit
// of redirects. It is ended by a count that the browser keeps.
const (
	// mostAgain is how many logins such a browser may finish.
	mostAgain = 2

	// againLife is for how long after one of them it remembers. A loop takes a second or
	// two; a developer who restarts a program that keeps sessions in memory takes longer.
	againLife = 20 * time.Second
)

// finishedAgain is b after a login, at a time, that began when the browser had begun one
// before, but had no session; or after any other.
func (b BrowserState) finishedAgain(again bool, at time.Time) BrowserState {
	switch {
	case !again:
		b.again = 0
	case !b.remembersAgain(at):
		b.again = 1
	default:
		b.again = min(b.again+1, mostAgain)
	}
	b.againAt = at
	return b
}

// remembersAgain reports whether b.again still counts. Cookies expire by themselves, but a
// program may keep a BrowserState as it is.
func (b BrowserState) remembersAgain(now time.Time) bool {
	return now.Sub(b.againAt).Abs() < againLife
}

// IsLoginReturn reports whether query is the response to the login for which
// [Passport.BeginLogin] has returned b: whether it has that login's state (RFC 6749
// §4.1.2). It is for drivers that wait for one login, because the login's URL does not
// contain the state if the request was pushed (RFC 9126 §4). It is false for any other
// b, such as one that has been stored. Only FinishLogin verifies the response.
func (b BrowserState) IsLoginReturn(query url.Values) bool {
	return b.begunState != "" && Secret(query.Get("state")) == b.begunState
}

func (b BrowserState) lastLogout() logoutstate.State {
	return logoutstate.State{Name: b.Logout.Reveal(), Finished: b.LogoutFinished}
}

// finished is b once its last logout is known to be complete.
func (b BrowserState) finished() BrowserState {
	b.LogoutFinished = b.Logout != ""
	return b
}

// Format prints nothing secret, whatever the verb.
func (b BrowserState) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.BrowserState")
}
