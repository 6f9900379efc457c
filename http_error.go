package passport

import (
	"errors"
	"net/http"

	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
)

// ErrorHandler answers a request that a handler of this package could not serve.
// status is the suggested HTTP status; err says why, without secrets.
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
	if what.another {
		page.Links = append(page.Links, pages.Link{URL: p.c.LoginPath + "?prompt=login", Text: "Use another account"})
	}
	page.Links = append(page.Links, pages.Link{URL: p.http.home, Text: "Go to the start page"})
	page.Serve(w)
}

type explanation struct {
	title, text string
	again       bool // a new login may help
	another     bool // one with another account may
}

// explain says in a user's words what an error means for them.
func explain(status int, err error) explanation {
	var provider *ProviderError
	var refused *SignInRefused
	switch {
	case errors.As(err, &refused):
		return explanation{
			title:   either(refused.Title, "You cannot sign in here"),
			text:    either(refused.Text, "This site does not admit your account."),
			another: true,
		}
	case errors.As(err, &provider) && provider.Code == "access_denied":
		return explanation{title: "You are not signed in", text: "The sign-in was cancelled or refused. You can try again whenever you like.", again: true, another: true}
	case errors.As(err, &provider):
		return explanation{title: "The sign-in did not work", text: "The sign-in service answered with an error: " + either(provider.Code, "no further word") + ".", again: true}
	case errors.Is(err, ErrNotReauthenticated):
		return explanation{title: "You have not been asked who you are", text: "The last sign-out from here is not finished, and the sign-in service would sign in whoever was signed in before. Finish signing out, then sign in again.", again: true}
	case errors.Is(err, ErrNotRecent):
		return explanation{title: "Please confirm who you are", text: "This needs you to sign in again. If you just did, the sign-in service did not ask for your credentials.", again: true, another: true}
	case errors.Is(err, ErrNoLogin):
		return explanation{title: "This sign-in is no longer valid", text: "It took too long, was used already, was begun in another browser, or you have signed out since.", again: true}
	case errors.Is(err, errPrefetch):
		return explanation{title: "Not ahead of time", text: "This page is for when you go there yourself."}
	case errors.Is(err, errCrossOrigin):
		return explanation{title: "This request came from another site", text: "Nothing was changed. Sign out from the site itself."}
	case status == http.StatusUnauthorized:
		return explanation{title: "You are not signed in", text: "Sign in to see this.", again: true}
	case status == http.StatusServiceUnavailable:
		return explanation{title: "This does not work at the moment", text: "The sessions of this site cannot be reached. Please try again in a moment."}
	case status >= 500:
		return explanation{title: "This did not work", text: "Something went wrong on the way to the sign-in service. Please try again.", again: true}
	}
	return explanation{title: "This did not work", text: "The request cannot be answered here."}
}
