package passport

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/web"
	"github.com/passport-go/passport/page"
)

// ErrorHandler answers a request that a handler of this package could not serve.
// status is the suggested HTTP status, and err is the reason, without secrets.
type ErrorHandler func(w http.ResponseWriter, r *http.Request, status int, err error)

// retryAfter is when a client may ask again that the Store or the provider has kept from
// being served, in seconds.
const retryAfter = "5"

// refuse answers a request that cannot be served. first are links of the page that
// come before the usual ones. If a form was posted, a login leads back to its page.
func (p *Passport) refuse(w http.ResponseWriter, r *http.Request, status int, err error, first ...pages.Link) {
	var returnTo string
	if r.Method == http.MethodPost {
		returnTo = p.http.place.Referrer(r, p.http.host)
	}
	p.refuseTo(w, r, status, err, returnTo, first...)
}

// refuseTo is refuse with the path to which a login leads; "" is home.
func (p *Passport) refuseTo(w http.ResponseWriter, r *http.Request, status int, err error, returnTo string, first ...pages.Link) {
	p.c.Logger.Log(r.Context(), refusalLevel(r, status), "passport: request refused", "path", r.URL.Path, "status", status, "error", err)
	web.NoStore(w)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	if p.c.OnError != nil {
		p.c.OnError(w, r, status, err)
		return
	}
	what := explain(status, err)
	if web.WantsJSON(r) || web.IsHTMX(r) {
		said := p.c.pages.Say(w, r, what.title, what.text)
		web.WriteJSON(w, status, refusal{said[0], said[1], refusalCode(err)})
		return
	}
	m := pages.Message{Kind: page.Failed, Status: status, Title: what.title, Texts: []pages.Text{what.text}, Links: first}
	if what.reason != "" {
		m.Texts = append(m.Texts, pages.Text{Literal: what.reason})
	}
	if what.again {
		m.Links = append(m.Links, pages.Link{URL: p.http.loginAgain(returnTo, ""), Text: pages.Say(pages.SignInAgain)})
	}
	if what.another {
		m.Links = append(m.Links, pages.Link{URL: p.http.loginAgain(returnTo, "login"), Text: pages.Say(pages.OtherAccount)})
	}
	m.Links = append(m.Links, p.homeLink())
	p.c.pages.Serve(w, r, m)
}

// refusal is what a program is told that could not be served. Error and Detail are for its
// user, in their language; Code is for the program.
type refusal struct {
	Error  string `json:"error"`
	Detail string `json:"detail"`
	Code   string `json:"code,omitempty"`
}

// refusalCodes are what refusals are called in JSON, as in package otel.
// docs/single-page-apps.md lists them.
var refusalCodes = []struct {
	err  error
	code string
}{
	{ErrStoreUnavailable, "store_unavailable"},
	{ErrNoSession, "no_session"},
	{ErrNotRecent, "not_recent"},
	{ErrInsufficientACR, "insufficient_acr"},
	{errCrossOrigin, "cross_origin"},
}

func refusalCode(err error) string {
	for _, known := range refusalCodes {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return ""
}

// refusalLevel keeps out of the log what nobody has to look at: a script whose user is not
// signed in, and a browser that has not waited for the store's answer.
func refusalLevel(r *http.Request, status int) slog.Level {
	gone := errors.Is(r.Context().Err(), context.Canceled)
	if status == http.StatusUnauthorized || status == http.StatusServiceUnavailable && gone {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func (p *Passport) homeLink() pages.Link {
	return pages.Link{URL: p.http.home, Text: pages.Say(pages.Home)}
}

// explanation says in a user's words what an error means for them.
type explanation struct {
	title, text pages.Text
	reason      string // the provider's, for its user: "Please verify your email". May be empty
	again       bool   // a new login may help
	another     bool   // one with another account may
}

func explain(status int, err error) explanation {
	say := func(title, text pages.ID) explanation {
		return explanation{title: pages.Say(title), text: pages.Say(text)}
	}
	var provider *ProviderError
	var refused *SignInRefused
	switch {
	case errors.As(err, &refused):
		e := say(pages.Refused, pages.RefusedText)
		e.title.Literal, e.text.Literal = refused.Title, refused.Text
		return e.orAnother()
	case errors.As(err, &provider) && provider.denied():
		e := say(pages.NotSignedIn, pages.CancelledText)
		e.reason = provider.Description
		return e.orAgain().orAnother()
	case errors.As(err, &provider) && provider.tookTooLong():
		return say(pages.Expired, pages.ExpiredText).orAgain()
	case errors.As(err, &provider) && provider.Code == "":
		return say(pages.SignInFailed, pages.SignInFailedText).orAgain()
	case errors.As(err, &provider) && provider.mustAsk():
		return say(pages.NotSignedIn, pages.NotSignedInText).orAgain()
	case errors.As(err, &provider):
		e := say(pages.SignInFailed, pages.SignInFailedCode)
		e.text.Code = provider.Code
		return e.orAgain()
	case errors.Is(err, ErrNotReauthenticated):
		return say(pages.NotAsked, pages.NotAskedText).orAgain()
	case errors.Is(err, ErrNotRecent), errors.Is(err, ErrInsufficientACR):
		return say(pages.Confirm, pages.ConfirmText).orAgain().orAnother()
	case errors.Is(err, ErrNoLogin):
		return say(pages.Expired, pages.ExpiredText).orAgain()
	case errors.Is(err, ErrLoginLoop):
		return say(pages.SignInFailed, pages.UnavailableText).orAgain()
	case errors.Is(err, errPrefetch):
		return say(pages.Prefetched, pages.PrefetchedText)
	case errors.Is(err, errCrossOrigin):
		return say(pages.OtherSite, pages.OtherSiteText)
	case status == http.StatusUnauthorized:
		return say(pages.NotSignedIn, pages.NotSignedInText).orAgain()
	case status == http.StatusServiceUnavailable:
		return say(pages.Unavailable, pages.UnavailableText)
	case status >= 500:
		return say(pages.Failed, pages.FailedText).orAgain()
	}
	return say(pages.Failed, pages.FailedRequest)
}

// orAgain offers a new login.
func (e explanation) orAgain() explanation {
	e.again = true
	return e
}

// orAnother offers a login with another account.
func (e explanation) orAnother() explanation {
	e.another = true
	return e
}

// finishLinks lead to where the user can finish the browser's last logout, if it is
// unfinished and there is such a place.
func (p *Passport) finishLinks(r *http.Request, b BrowserState) []pages.Link {
	l, unfinished := p.UnfinishedLogout(r.Context(), b)
	if !unfinished || l.URL == "" {
		return nil
	}
	return []pages.Link{{URL: l.URL, Text: pages.Say(pages.Finish), Required: true}}
}

// Readiness answers whether this instance can serve the requests of signed-in users, for
// load balancers and readiness probes: CheckHealth over HTTP, with 200 or, if the Store
// is down, 503, and the parts as JSON:
//
//	{"status":"degraded","store":{"status":"ok",...},"provider":{"status":"down",...}}
//
// The status stays 200 while only the provider is down: signed-in users can go on
// working, and could not if the load balancer took the instance out of service. For
// another rule, write a handler of your own with CheckHealth.
//
// Do not use it as a liveness probe, because a restart mends neither the Store nor the
// provider. Any handler of the program that answers 200 will do for that.
func (p *Passport) Readiness(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "GET alone", http.StatusMethodNotAllowed)
		return
	}
	h := p.CheckHealth(r.Context())
	status := http.StatusOK
	if !h.Ready() {
		status = http.StatusServiceUnavailable
	}
	web.WriteJSON(w, status, h)
}
