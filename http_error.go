package passport

import (
	"errors"
	"net/http"

	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
)

// ErrorHandler answers a request that a handler of this package could not serve.
// status is the HTTP status that fits; err says why, without secrets.
type ErrorHandler func(w http.ResponseWriter, r *http.Request, status int, err error)

// refuse answers a request that cannot be served.
func (p *Passport) refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	p.c.Logger.WarnContext(r.Context(), "passport: request refused", "path", r.URL.Path, "status", status, "error", err)
	web.NoStore(w)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if p.c.OnError != nil {
		p.c.OnError(w, r, status, err)
		return
	}
	what := explain(status, err)
	if web.WantsJSON(r) || web.IsHTMX(r) {
		web.WriteJSON(w, status, map[string]string{"error": what.title, "detail": what.text})
		return
	}
	page := pages.Message{Status: status, Title: what.title, Text: what.text}
	if errors.Is(err, ErrNotReauthenticated) {
		if l, unfinished := p.UnfinishedLogout(r.Context(), p.BrowserState(r)); unfinished {
			page.Links = append(page.Links, pages.Link{URL: l.URL, Text: "Finish signing out"})
		}
	}
	if what.again {
		page.Links = append(page.Links, pages.Link{URL: p.c.LoginPath, Text: "Sign in again"})
	}
	page.Links = append(page.Links, pages.Link{URL: "/", Text: "Go to the start page"})
	page.Serve(w)
}

type explanation struct {
	title, text string
	again       bool // a new login may help
}

// explain says in a user's words what an error means for them.
func explain(status int, err error) explanation {
	var provider *ProviderError
	switch {
	case errors.As(err, &provider) && provider.Code == "access_denied":
		return explanation{"You are not signed in", "The sign-in was cancelled or refused. You can try again whenever you like.", true}
	case errors.As(err, &provider):
		return explanation{"The sign-in did not work", "Passport answered with an error: " + either(provider.Code, "no further word") + ".", true}
	case errors.Is(err, ErrNotReauthenticated):
		return explanation{"You have not been asked who you are", "The last sign-out from here is not finished, and the sign-in service would sign in whoever was signed in before. Finish signing out, then sign in again.", true}
	case errors.Is(err, ErrNoLogin):
		return explanation{"This sign-in is no longer valid", "It took too long, was used already, was begun in another browser, or you have signed out since.", true}
	case errors.Is(err, errPrefetch):
		return explanation{"Not ahead of time", "This page is for when you go there yourself.", false}
	case errors.Is(err, errCrossOrigin):
		return explanation{"This request came from another site", "Nothing was changed. Sign out from the site itself.", false}
	case status == http.StatusUnauthorized:
		return explanation{"You are not signed in", "Sign in to see this.", true}
	case status == http.StatusServiceUnavailable:
		return explanation{"This does not work at the moment", "The sessions of this site cannot be reached. Please try again in a moment.", false}
	case status >= 500:
		return explanation{"This did not work", "Something went wrong on the way to Passport. Please try again.", true}
	}
	return explanation{"This did not work", "The request cannot be answered here.", false}
}
