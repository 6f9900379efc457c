package pages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/page"
)

// own is a program's template.
var own = template.Must(template.New("own").Parse(`<!doctype html><html lang="{{.Language}}" dir="{{.Dir}}"><head>
<title>{{.Title}}</title><style nonce="{{.Nonce}}">body { color: teal }</style></head>
<body class="{{.Kind}}"><h1>{{.Title}}</h1>{{range .Texts}}<p>{{.}}</p>{{end}}
{{range .Links}}<a class=x title="a > b" href="{{.URL}}">{{.Text}}</a>{{end}}</body></html>`))

const logoutURL = "https://auth.example/v2/logout?client_id=c&id_token_hint=secret-hint&returnTo=https%3A%2F%2Fgame.example%2F"

func unconfirmed() Message {
	return UnconfirmedLogout(200, false, false, logoutURL, Link{URL: "/", Text: Say(Home)})
}

func TestAPageIsTheProgramsOwn(t *testing.T) {
	s := newSet(page.Options{Render: page.Template(own)})
	w := serveIn(s, "de", unconfirmed())
	body := w.Body.String()
	assert.True(t, strings.HasPrefix(body, "<!doctype html>\n<html lang=\"de\" dir=\"ltr\">\n"))
	assert.Contains(t, body, `<body class="unconfirmed"><h1>`+builtIn("de")[Unconfirmed]+"</h1>")
	assert.NotContains(t, body, "<main")

	csp := w.Header().Get("Content-Security-Policy")
	nonce := regexp.MustCompile(`<style nonce="(\w+)"`).FindStringSubmatch(body)[1]
	assert.Contains(t, csp, "'nonce-"+nonce+"' 'self'; img-src 'self' data:; font-src 'self' data:; frame-ancestors 'self'")
	assert.NotContains(t, csp, "script-src")
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.NotContains(t, serveIn(s, "de", unconfirmed()).Header().Get("Content-Security-Policy"), nonce, "a nonce is good once")
}

// Whatever goes wrong in the program's Render, the user gets the SDK's page, and the
// log the reason, without the address of the logout.
func TestAPageThatFailsIsReplaced(t *testing.T) {
	broken := template.Must(template.New("broken").Parse(`<h1>{{.Title}}</h1>{{range .Links}}{{.URL.Missing}}{{end}}`))
	write := func(text string) func(context.Context, io.Writer, page.Page) error {
		return func(_ context.Context, w io.Writer, _ page.Page) error {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	linked := `<a href="` + template.HTMLEscapeString(logoutURL) + `">x</a>`
	for name, in := range map[string]struct {
		render func(context.Context, io.Writer, page.Page) error
		reason string
	}{
		"a template that stops half-way": {page.Template(broken), "can't evaluate field Missing"},
		"an error": {func(_ context.Context, w io.Writer, p page.Page) error {
			_, _ = io.WriteString(w, linked)
			return errors.New("no database for " + p.Links[0].URL)
		}, "no database for [link]"},
		"a panic":           {func(_ context.Context, _ io.Writer, p page.Page) error { panic("at " + p.Links[0].URL) }, "panic: at [link]"},
		"a nil dereference": {func(context.Context, io.Writer, page.Page) error { var p *page.Page; p.Title = ""; return nil }, "nil pointer"},
		"nothing":           {write(" \n"), "empty"},
		"too much":          {write(linked + strings.Repeat("x", largest)), "1 MB"},
		"too much, and the error ignored": {func(_ context.Context, w io.Writer, _ page.Page) error {
			for range 1 << 11 {
				_, _ = io.WriteString(w, strings.Repeat("x", 1<<10))
			}
			return nil
		}, "1 MB"},
		"no link":               {write("<h1>Signed out</h1>"), "Required"},
		"the link in a comment": {write("<!-- " + linked + " --><h1>Signed out</h1>"), "Required"},
		"the link as text":      {write("<p>" + template.HTMLEscapeString(logoutURL)), "Required"},
		"the link of an image":  {write(strings.Replace(linked, "<a href", "<img src", 1)), "Required"},
		"the link as data":      {write(strings.Replace(linked, "href", "data-href", 1)), "Required"},
		"the link of an abbr":   {write(strings.Replace(linked, "<a ", "<abbr ", 1)), "Required"},
		"a link to somewhere":   {write(`<a href="https://auth.example/v2/logout">x</a>`), "Required"},
		"an unfinished element": {write(`<a href="` + template.HTMLEscapeString(logoutURL)), "Required"},
		"an unfinished comment": {write("<!-- " + linked), "Required"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s, problems := NewSet(page.Options{Render: in.render}, slog.New(slog.NewTextHandler(&log, nil)))
			require.Empty(t, problems)
			w := serveIn(s, "", unconfirmed())
			assert.Contains(t, w.Body.String(), "<h1>"+builtIn(english)[Unconfirmed]+"</h1>")
			assert.Contains(t, w.Body.String(), "secret-hint", "the SDK's page has the link")
			assert.Contains(t, log.String(), in.reason)
			assert.Contains(t, log.String(), "Config.Pages.Render failed")
			assert.NotContains(t, log.String(), "secret-hint")
			assert.Equal(t, 1, strings.Count(w.Body.String(), "<!doctype"))
		})
	}
}

// The text of a real logout's link is in no log, whichever way it gets into an error.
func TestAnErrorHasNoLinkHoweverItIsWritten(t *testing.T) {
	const hint = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6MX0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	link := page.Link{URL: "https://auth.example/logout?id_token_hint=" + hint + "&post_logout_redirect_uri=https%3A%2F%2Fgame.example%2F+x", Text: "x"}
	var attribute, script, unquoted strings.Builder
	for to, form := range map[*strings.Builder]string{
		&attribute: `<a href="{{.URL}}">`, &script: `<script>to({{.URL}})</script>`, &unquoted: `<p title={{.URL}}>`,
	} {
		require.NoError(t, template.Must(template.New("").Parse(form)).Execute(to, link))
	}
	_, path, _ := strings.Cut(link.URL, "example")
	for name, text := range map[string]string{
		"raw":         link.URL,
		"quoted":      strconv.Quote(link.URL),
		"escaped":     template.HTMLEscapeString(link.URL),
		"attribute":   attribute.String(),
		"script":      script.String(),
		"no quotes":   unquoted.String(),
		"in a query":  url.QueryEscape(link.URL),
		"the path":    path,
		"cut":         link.URL[:len(link.URL)-60],
		"upper case":  strings.ToUpper(link.URL),
		"over lines":  hint[:30] + "\n" + hint[30:60] + "\n" + hint[60:],
		"the struct":  fmt.Sprintf("%+v", link),
		"the request": `Get "` + link.URL + `": dial tcp: no route to host`,
	} {
		got := withoutURLs(errors.New("no database for "+text+" at db.example: refused"), page.Page{Links: []page.Link{{URL: "/"}, link}})
		for i := range len(hint) - 16 {
			require.NotContains(t, strings.ToLower(got), strings.ToLower(hint[i:i+16]), name)
		}
		assert.Regexp(t, `^no database for .*\[link\].* at db\.example: refused$`, got, name)
	}
	wrapped := hint[:10] + "\n" + hint[10:20] + "\n" + hint[20:30]
	assert.Equal(t, "[link]", withoutURLs(errors.New("no database for "+wrapped), page.Page{Links: []page.Link{link}}))
	long := withoutURLs(errors.New(strings.Repeat("a ", 1<<20)), page.Page{Links: []page.Link{link}})
	assert.LessOrEqual(t, len(long), longestReason)
}

func TestALinkIsFoundHoweverItIsWritten(t *testing.T) {
	const address = "https://auth.example/out?a=(1)&b='x'+y"
	escaped := template.HTMLEscapeString(address)
	var b strings.Builder
	require.NoError(t, template.Must(template.New("").Parse("<a\nid=1\tHREF='{{.}}' x>")).Execute(&b, address))
	for _, document := range []string{
		`<a href="` + address + `">`, `<A HREF = "` + escaped + `">`, `<a href=` + escaped + `>`, b.String(),
		`<!-- a --><a title="href=x>" class='>' href="` + escaped + `"><!-- b -->`, "<a\thref=\"" + escaped + "\"/>",
	} {
		assert.NoError(t, checkLinks(document, []page.Link{{URL: address, Required: true}}), document)
	}
	assert.NoError(t, checkLinks("", []page.Link{{URL: address}}))
}

// What a silent logout needs comes before the program's page, which cannot take it away.
func TestTheSilentPageHasItsScriptsWhateverTheProgramWrites(t *testing.T) {
	for name, render := range map[string]func(context.Context, io.Writer, page.Page) error{
		"a template": page.Template(own),
		"an unfinished comment": func(_ context.Context, w io.Writer, p page.Page) error {
			_ = own.Execute(w, p)
			_, err := io.WriteString(w, "<!-- <script>")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			require.NoError(t, newSet(page.Options{Render: render}).ServeSilent(w, browser("ja"), answer()))
			body := w.Body.String()
			before, _, found := strings.Cut(body, `<body class="signing-out">`)
			require.True(t, found)
			assert.Contains(t, before, string(passportJS))
			assert.Contains(t, before, string(silentJS))
			assert.Contains(t, before, `<noscript><meta http-equiv="refresh"`)
			assert.Contains(t, w.Header().Get("Content-Security-Policy"), "script-src "+hash(passportJS)+" "+hash(silentJS)+"; frame-src")

			_, data, _ := strings.Cut(body, `type="application/json">`)
			data, _, _ = strings.Cut(data, "</script>")
			var carried silentAnswer
			require.NoError(t, json.Unmarshal([]byte(data), &carried))
			assert.Equal(t, answer(), carried.Answer)
			assert.Contains(t, carried.Report, `<body class="unconfirmed"><h1>`+builtIn("ja")[Unconfirmed])
			assert.NotContains(t, carried.Report, builtIn("ja")[OfflinePassport])
			assert.Contains(t, carried.Offline, builtIn("ja")[OfflinePassport])
		})
	}
}

// One of the pages that the silent page becomes may fail alone.
func TestAReportThatFailsIsReplacedAlone(t *testing.T) {
	s := newSet(page.Options{Render: func(_ context.Context, w io.Writer, p page.Page) error {
		if p.Kind == page.Unconfirmed {
			return errors.New("no such template")
		}
		return own.Execute(w, p)
	}})
	w := httptest.NewRecorder()
	require.NoError(t, s.ServeSilent(w, browser(""), answer()))
	assert.Contains(t, w.Body.String(), `<body class="signing-out">`)
	assert.Contains(t, w.Body.String(), `\u003cmain`)
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "style-src "+hash(pageStyle)+" 'nonce-")
}

// Nobody sees the callback in an iframe, so only a window gets the program's page.
func TestTheCallbackIsTheProgramsOwnInAWindow(t *testing.T) {
	c, err := newSet(page.Options{Render: page.Template(own)}).NewCallback("https://game.example")
	require.NoError(t, err)
	for dest, owned := range map[string]bool{"document": true, "iframe": false, "": false} {
		r := browser("fr")
		r.Header.Set("Sec-Fetch-Dest", dest)
		w := httptest.NewRecorder()
		c.Serve(w, r, Return{Done: true})
		assert.Contains(t, w.Body.String(), string(callbackJS))
		assert.Contains(t, w.Body.String(), `<html lang="fr"`)
		assert.Equal(t, owned, strings.Contains(w.Body.String(), "<h1>"), dest)
		assert.Equal(t, owned, strings.Contains(w.Header().Get("Content-Security-Policy"), "style-src"), dest)
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "; frame-ancestors https://game.example; ")
	}
}
