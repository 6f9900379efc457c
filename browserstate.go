package passport

import (
	"context"

	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/storage"
)

// BrowserState is what one browser brings along and keeps: its session, its logins
// in progress, and its last logout. [Passport.BeginLogin], [Passport.FinishLogin],
// [Passport.EndBrowserSession] and [Passport.CheckLogoutReturn] take it as the
// browser brought it, and return it as the browser has to keep it; they keep every
// promise of this package for the programs that carry it.
//
// The handlers of this package carry it in cookies, which [Passport.BrowserState]
// reads and [Passport.SetBrowserState] writes. A program without net/http keeps it
// wherever only that browser can reach it: in cookies of its own, or in the user's
// files. The zero value is a browser that is not known yet.
type BrowserState struct {
	// Session is the secret id of the session. Empty: the user is not signed in.
	Session Secret

	// Logins bind the logins in progress to this browser, each for as long as it
	// takes, ten minutes at most. Tabs that begin at the same time have one each;
	// otherwise they share one.
	Logins []Secret

	// Logout is the [Logout.State] of the last logout. Empty: there was none, or
	// it was longer ago than it matters: 30 days, or ten minutes if it is finished.
	Logout Secret

	// LogoutFinished says that the Passport session is known to have ended, or that
	// the user has proved who they are since then. Until then the next login asks
	// for credentials.
	LogoutFinished bool

	begun Secret // the one of Logins that BeginLogin has just used
}

func (b BrowserState) lastLogout() logoutstate.State {
	return logoutstate.State{Name: b.Logout.Reveal(), Finished: b.LogoutFinished}
}

// finished is b once its last logout is known to be complete.
func (b BrowserState) finished() BrowserState {
	b.LogoutFinished = b.Logout != ""
	return b
}

// logoutUnfinished reports whether this browser has a logout behind it that is not
// known to be complete. A store that does not answer finishes no logout.
func (p *Passport) logoutUnfinished(ctx context.Context, b BrowserState) bool {
	if !b.lastLogout().Unfinished() {
		return false
	}
	session := logoutstate.Session(b.Logout.Reveal())
	if session == "" {
		return true
	}
	call, cancel := p.storeCall(ctx)
	defer cancel()
	_, err := p.store.Load(call, p.confirmation(Secret(session)).ID)
	return err != nil
}

// UnfinishedLogout returns the last logout of a browser if it is not known to have
// ended the Passport session, so that the program can offer the URL that does. It
// costs nothing for a browser without one.
func (p *Passport) UnfinishedLogout(ctx context.Context, b BrowserState) (Logout, bool) {
	if !p.logoutUnfinished(ctx, b) {
		return Logout{}, false
	}
	l := p.newLogout()
	p.sendTo(ctx, &l, storage.Record{}, b.Logout)
	l.Mode, l.Passport = LogoutRedirect, OutcomeUnconfirmed
	return l, true
}
