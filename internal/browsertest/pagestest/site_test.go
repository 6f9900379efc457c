package pagestest

import (
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/page"
)

// site shows each page of the SDK at a path of its own, in the language that the
// parameter lang names. Its auth domain answers every logout with an error page.
type site struct {
	*httptest.Server
	set *pages.Set
}

func serve(t *testing.T, o page.Options) *site {
	t.Helper()
	set, problems := pages.NewSet(o, slog.New(slog.DiscardHandler))
	require.Empty(t, problems)
	s := &site{set: set}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// at is the address of a page, on a host of its own.
func (s *site) at(name, lang string) string {
	return strings.Replace(s.URL, "127.0.0.1", "app.localhost", 1) + "/" + name + "?" + url.Values{"lang": {lang}}.Encode()
}

func (s *site) auth(path string) string {
	return strings.Replace(s.URL, "127.0.0.1", "auth.localhost", 1) + path
}

var home = pages.Link{URL: "/", Text: pages.Say(pages.Home)}

func messages(logout string) map[string]pages.Message {
	return map[string]pages.Message{
		"signed-in": {Kind: page.SignedIn, Status: 200, Title: pages.Say(pages.SignedIn), Texts: []pages.Text{pages.Say(pages.Close)}},
		"signed-out": {
			Kind: page.SignedOut, Status: 200, Title: pages.Say(pages.SignedOut),
			Texts: []pages.Text{pages.Say(pages.SignedOutText)},
			Links: []pages.Link{{URL: "/login", Text: pages.Say(pages.SignInAgain)}},
		},
		"unconfirmed": pages.UnconfirmedLogout(200, false, true, logout, home),
		"pending":     pages.UnconfirmedLogout(503, true, false, logout, home),
		"not-asked": {
			Kind: page.Failed, Status: 403, Title: pages.Say(pages.NotAsked), Texts: []pages.Text{pages.Say(pages.NotAskedText)},
			Links: []pages.Link{
				{URL: logout, Text: pages.Say(pages.Finish), Required: true},
				{URL: "/login", Text: pages.Say(pages.SignInAgain)}, home,
			},
		},
		"long-code": {
			Kind: page.Failed, Status: 502, Title: pages.Say(pages.SignInFailed),
			Texts: []pages.Text{{ID: pages.SignInFailedCode, Code: strings.Repeat("an_error_without_end", 3)}},
			Links: []pages.Link{{URL: "/login", Text: pages.Say(pages.SignInAgain)}, {URL: "/login?prompt=login", Text: pages.Say(pages.OtherAccount)}, home},
		},
		"program": {Kind: page.Unconfirmed, Status: 200, Title: pages.Say(pages.ProgramSignedOut), Texts: []pages.Text{pages.Say(pages.ProgramSignedOutOther), pages.Say(pages.Close)}},
	}
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	r.Header.Set("Accept-Language", r.URL.Query().Get("lang"))
	if m, ok := messages(s.auth("/v2/logout"))[name]; ok {
		s.set.Serve(w, r, m)
		return
	}
	switch name {
	case "silent", "waiting":
		s.serveSilent(w, r, "/v2/"+name)
	case "v2/waiting":
		<-r.Context().Done() // until the browser closes the tab
	case "game.css":
		w.Header().Set("Content-Type", "text/css")
	case "logo.svg":
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle cx="20" cy="20" r="18" fill="teal"/></svg>`))
	case "v2/silent":
		http.Error(w, "oops", http.StatusInternalServerError)
	default:
		http.NotFound(w, r)
	}
}

// serveSilent shows the page of a silent logout that is not completed.
func (s *site) serveSilent(w http.ResponseWriter, r *http.Request, logout string) {
	err := s.set.ServeSilent(w, r, pages.Answer{
		Mode: "silent", URL: s.auth(logout), Callback: strings.TrimSuffix(s.auth(""), "/"), Timeout: 60_000, Fallback: "report",
		ReturnTo: "/", App: "done", Revocation: "done", Passport: "pending",
	})
	if err != nil {
		panic(err)
	}
}

// own is what a program may put in the place of the pages: the template of the
// documentation.
func own(t *testing.T) page.Options {
	t.Helper()
	return page.Options{Render: page.Template(template.Must(template.ParseFiles("../../../page/program.html")))}
}
