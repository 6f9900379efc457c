package native

import (
	"errors"
	"net/http"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/page"
)

// message is what the browser shows at the end of its way.
type message struct {
	pages.Message
	cookies []*http.Cookie
}

func newMessage(kind page.Kind, status int, title pages.ID, texts ...pages.ID) message {
	m := message{Message: pages.Message{Kind: kind, Status: status, Title: pages.Say(title)}}
	for _, text := range texts {
		m.Texts = append(m.Texts, pages.Say(text))
	}
	return m
}

// show sends a message.
func (l *loopback) show(w http.ResponseWriter, r *http.Request, m message) {
	for _, c := range m.cookies {
		http.SetCookie(w, c)
	}
	l.pages.Serve(w, r, m.Message)
}

// showUnexpected is for requests that nobody waits for.
func (l *loopback) showUnexpected(w http.ResponseWriter, r *http.Request) {
	l.show(w, r, newMessage(page.Failed, http.StatusBadRequest, pages.Unexpected, pages.UnexpectedText))
}

var (
	signedInPage = newMessage(page.SignedIn, http.StatusOK, pages.SignedIn, pages.Close)

	openedTwicePage  = newMessage(page.Failed, http.StatusGone, pages.Once, pages.OnceText)
	otherBrowserPage = newMessage(page.Failed, http.StatusForbidden, pages.OtherBrowser, pages.OtherBrowserText)
	anotherUserPage  = newMessage(page.Failed, http.StatusForbidden, pages.OtherUser, pages.OtherUserText)
)

// signedOutPage says what has become of the session with the program, and of the
// Passport session. another: the user signed in with another browser.
func signedOutPage(app, outcome passport.Outcome, another bool) message {
	switch {
	case app == passport.OutcomeFailed:
		return newMessage(page.Failed, http.StatusInternalServerError, pages.ProgramNotSignedOut, pages.ProgramFailedText)
	case another:
		return newMessage(page.Unconfirmed, http.StatusOK, pages.ProgramSignedOut, pages.ProgramSignedOutOther, pages.Close)
	case outcome != passport.OutcomeDone:
		return newMessage(page.Unconfirmed, http.StatusOK, pages.ProgramSignedOut, pages.ProgramSignedOutOpen, pages.Close)
	}
	return newMessage(page.SignedOut, http.StatusOK, pages.SignedOut, pages.Close)
}

// refusalPage says in a user's words why a login has failed.
func refusalPage(err error) message {
	m := newMessage(page.Failed, http.StatusBadGateway, pages.SignInFailed, pages.ProgramFailedText)
	var refused *passport.ProviderError
	if errors.As(err, &refused) && refused.Code == "access_denied" {
		m = newMessage(page.Failed, http.StatusForbidden, pages.NotSignedIn, pages.ProgramCancelledText)
	}
	if errors.Is(err, passport.ErrNoLogin) {
		m = newMessage(page.Failed, http.StatusBadRequest, pages.Expired, pages.ProgramFailedText)
	}
	return m
}
