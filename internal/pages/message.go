package pages

import (
	_ "embed"
	"net/http"
)

var (
	//go:embed message.html
	messageHTML string

	messagePage = &page{name: "message", html: &messageHTML}
)

// Message is the page that a login or a logout ends on when it cannot go on, or
// when it has nowhere to go on to.
type Message struct {
	Status int    // the HTTP status; 0 is 500
	Title  string // one line: what happened
	Text   string // a sentence or two: what the user can do; optional
	Links  []Link // where they can go from here, the best first; optional
}

// Link is one way on. An URL of another scheme than http, https and mailto is
// made harmless.
type Link struct{ URL, Text string }

// Serve sends the page.
func (m Message) Serve(w http.ResponseWriter) {
	if m.Status == 0 {
		m.Status = http.StatusInternalServerError
	}
	page := messagePage.render(map[string]any{
		"Title": m.Title,
		"Text":  m.Text,
		"Links": m.Links,
		"Style": pageStyle,
	})
	send(w, m.Status, policy("style-src "+hash(pageStyle), "frame-ancestors 'self'"), page)
}
