package pages

import (
	_ "embed"
	"html/template"
	"net/http"
)

var (
	//go:embed error.html
	errorHTML string

	errorPage = template.Must(template.New("error").Parse(errorHTML))
)

// Error is the page that a login or a logout ends on when it cannot go on.
type Error struct {
	Status int    // the HTTP status; 0 is 500
	Title  string // one line: what happened
	Text   string // a sentence or two: what the user can do; optional
	Links  []Link // where they can go from here, the best first; optional
}

// Link is one way on. An URL of another scheme than http, https and mailto is
// made harmless.
type Link struct{ URL, Text string }

// Serve sends the page.
func (e Error) Serve(w http.ResponseWriter) {
	if e.Status == 0 {
		e.Status = http.StatusInternalServerError
	}
	page := render(errorPage, map[string]any{
		"Title": e.Title,
		"Text":  e.Text,
		"Links": e.Links,
		"Style": pageStyle,
	})
	send(w, e.Status, policy("style-src "+hash(pageStyle), "frame-ancestors 'self'"), page)
}
