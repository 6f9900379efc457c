package native

import (
	"errors"
	"net/http"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/pages"
)

// page is what the browser shows at the end of its way.
type page struct {
	status      int
	title, text string
	cookies     []*http.Cookie
}

func (p page) serve(w http.ResponseWriter, _ *http.Request) {
	for _, c := range p.cookies {
		http.SetCookie(w, c)
	}
	pages.Message{Status: p.status, Title: p.title, Text: p.text}.Serve(w)
}

const closeTab = "You can close this tab and go back to the program."

var (
	signedInPage = page{status: http.StatusOK, title: "You are signed in", text: closeTab}

	openedTwicePage = page{
		status: http.StatusGone, title: "This page works once",
		text: "It has been opened already. If you were not signing in or out there, go back to the program and begin again.",
	}
	otherBrowserPage = page{
		status: http.StatusForbidden, title: "This is not the browser that was opened",
		text: "Or it keeps no cookies for this computer. Go back to the program and begin again there.",
	}
	anotherUserPage = page{
		status: http.StatusForbidden, title: "This page is for another user",
		text: "It belongs to a program of another user of this computer.",
	}

	// strangerPage is for requests that nobody waits for.
	strangerPage = page{
		status: http.StatusBadRequest, title: "Nothing waits for this page",
		text: "If you were signing in or out, go back to the program and begin again there.",
	}
)

// signedOutPage says what has become of the session with the program, and of the
// Passport session. another: the user signed in with another browser.
func signedOutPage(app, outcome passport.Outcome, another bool) page {
	p := page{status: http.StatusOK, title: "You are signed out", text: closeTab}
	switch {
	case app == passport.OutcomeFailed:
		p.status, p.title = http.StatusInternalServerError, "The program could not sign you out"
		p.text = "It says why. You can close this tab and try again there."
	case another:
		p.title = "You are signed out of the program"
		p.text = "You signed in with another browser, where you may still be signed in. " + closeTab
	case outcome != passport.OutcomeDone:
		p.title = "You are signed out of the program"
		p.text = "Your browser may still be signed in. " + closeTab
	}
	return p
}

// refusalPage says in a user's words why a login has failed.
func refusalPage(err error) page {
	p := page{
		status: http.StatusBadGateway, title: "The sign-in did not work",
		text: "The program says why. You can close this tab and try again there.",
	}
	var refused *passport.ProviderError
	if errors.As(err, &refused) && refused.Code == "access_denied" {
		p.status, p.title = http.StatusForbidden, "You are not signed in"
		p.text = "The sign-in was cancelled or refused. You can close this tab, and try again in the program."
	}
	if errors.Is(err, passport.ErrNoLogin) {
		p.status, p.title = http.StatusBadRequest, "This sign-in is no longer valid"
	}
	return p
}
