package doctor

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/text"
)

// Whether a URI is registered, no provider says. But it goes back to one that is, and
// shows an error for one that is not: so the URI of the configuration is tried, and
// one that nobody can have registered, and the two answers are compared.

// nobodys is a URI that is registered nowhere (RFC 2606 §2).
const nobodys = "https://passport-doctor.invalid/not-registered"

// kind is how a provider answered.
type kind int

const (
	silence kind = iota // not at all
	back                // by a redirect to the URI
	shown               // with a page: a login, or a question
	refusal             // with an error
)

// trial is one answer.
type trial struct {
	kind   kind
	status int
	query  url.Values // of the way back, or of the provider's error page
	body   string
	header http.Header
	err    error
}

// try visits an address of the provider that should lead to the URI.
func (e *examination) try(ctx context.Context, address, uri string) trial {
	failed := url.Values(nil)
	res, end, err := e.visit(ctx, address, func(to *url.URL) bool {
		if !at(to, uri) && to.Query().Has("error") {
			failed = to.Query()
		}
		return !at(to, uri)
	})
	if err != nil {
		return trial{err: err}
	}
	t := trial{kind: shown, status: res.StatusCode, body: res.body, header: res.Header, query: failed}
	switch {
	case res.location() != nil && at(end, uri):
		t.kind, t.query = back, end.Query()
	case failed != nil || res.StatusCode >= 400:
		t.kind = refusal
	}
	return t
}

func (e *examination) checkRegistration(ctx context.Context) {
	if !e.provider.answers {
		return
	}
	e.checkRedirectURI(ctx)
	e.checkLogoutURI(ctx)
}

// checkRedirectURI begins a login with prompt=none, to which a provider answers at
// once: without a session, by login_required.
func (e *examination) checkRedirectURI(ctx context.Context) {
	if e.c.RedirectURI == "" {
		return
	}
	address, _, err := e.p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{Prompt: "none"})
	if err != nil {
		if failed, ok := asProviderError(err); ok { // of a pushed request
			e.refused(err)
			e.find("login.refused", "the pushed request: %s: %s", text.Line(failed.Code, 60), text.Line(failed.Description, 200))
		}
		return
	}
	u, err := url.Parse(address)
	if err != nil {
		return
	}
	e.secrets = append(e.secrets, u.Query().Get("state"), u.Query().Get("nonce"), u.Query().Get("code_challenge"))
	own := e.try(ctx, address, e.c.RedirectURI)
	if own.kind == back {
		e.checkLoginAnswer(own.query)
	}
	if !u.Query().Has("redirect_uri") {
		return // it was pushed
	}
	other := e.try(ctx, with(u, "redirect_uri", nobodys), nobodys)
	e.compare("redirect-uri", e.c.RedirectURI, own, other, func() trial {
		return e.try(ctx, with(u, "client_id", "passport-doctor-unknown"), e.c.RedirectURI)
	})
}

// with is u with one parameter replaced.
func with(u *url.URL, name, value string) string {
	own := *u
	query := own.Query()
	query.Set(name, value)
	own.RawQuery = query.Encode()
	return own.String()
}

// noSession are the errors of a provider that would have to ask the user (OpenID
// Connect Core 1.0 §3.1.2.6).
var noSession = []string{"login_required", "interaction_required", "consent_required", "account_selection_required"}

func (e *examination) checkLoginAnswer(query url.Values) {
	if code := query.Get("error"); code != "" && !slices.Contains(noSession, code) {
		e.find("login.refused", "the provider answers %s: %s", text.Line(code, 60), text.Line(query.Get("error_description"), 200))
	}
}

// checkLogoutURI visits the logout, which ends nothing, for there is no cookie.
func (e *examination) checkLogoutURI(ctx context.Context) {
	address := e.p.LogoutURL()
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return
	}
	e.secrets = append(e.secrets, u.Query().Get("state"))
	name := "returnTo"
	if e.c.Discover {
		name = "post_logout_redirect_uri"
	}
	if e.c.LogoutRedirectURI == "" {
		return
	}
	own := e.try(ctx, address, e.c.LogoutRedirectURI)
	other := e.try(ctx, with(u, name, nobodys), nobodys)
	e.compare("logout-uri", e.c.LogoutRedirectURI, own, other, func() trial {
		return e.try(ctx, with(u, "client_id", "passport-doctor-unknown"), e.c.LogoutRedirectURI)
	})
	if e.c.LogoutMode == passport.LogoutSilent && own.kind == shown && forbidsFraming(own.header) {
		e.find("silent.provider-page", "the logout at %s shows a page that may not be framed", place(u))
	}
}

// compare judges what the provider made of the configured URI, of another, and, if
// need be, of the configured one by a client that does not exist.
func (e *examination) compare(what, uri string, own, other trial, stranger func() trial) {
	switch {
	case own.err != nil:
		e.find(what+".unknown", "the provider did not answer: %s", reason(own.err))
	case other.kind == back:
		e.find(what+".any", "the provider redirects to %s too", nobodys)
	case own.kind == back:
	case own.kind == refusal:
		e.refusedURI(what, uri, own, stranger())
	case other.kind == shown:
		e.find(what+".unknown", "the provider answers %d to %s, and the same to one that is not registered", own.status, uri)
	}
}

func (e *examination) refusedURI(what, uri string, own, stranger trial) {
	about := strings.ToLower(own.body + " " + own.query.Get("error") + " " + own.query.Get("error_description"))
	mentions := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(about, word) })
	}
	same := stranger.kind == refusal && stranger.status == own.status && e.normal(stranger) == e.normal(own)
	aboutClient := mentions("unknown client", "client not found", "invalid_client", "unknown_client", "client is invalid")
	if same && !mentions("redirect_uri", "callback url", "logout url", "returnto") || aboutClient {
		e.find("client.unknown", "the provider answers %d, as to a client that does not exist", own.status)
		return
	}
	e.find(what+".unregistered", "the provider answers %d to %s", own.status, uri)
}

// normal is an answer without what each request brings along.
func (e *examination) normal(t trial) string {
	body := t.body + t.query.Encode()
	for _, value := range append([]string{e.c.ClientID, "passport-doctor-unknown", e.c.RedirectURI, e.c.LogoutRedirectURI}, e.secrets...) {
		for _, form := range []string{value, html.EscapeString(value), url.QueryEscape(value)} {
			if form != "" {
				body = strings.ReplaceAll(body, form, "")
			}
		}
	}
	return body
}

func asProviderError(err error) (*passport.ProviderError, bool) {
	var failed *passport.ProviderError
	ok := errors.As(err, &failed)
	return failed, ok
}
