package pages

import (
	"net/http"

	"github.com/passport-go/passport/page"
)

// Message is the page that a login or a logout ends on when it cannot go on, or
// when it has nowhere to go on to.
type Message struct {
	Kind   page.Kind
	Status int    // the HTTP status; 0 is 500
	Title  Text   // one line: what happened
	Texts  []Text // a few sentences: what the user can do; optional
	Links  []Link // where they can go from here, the best first; optional
}

// Link is one way on. An URL of another scheme than http, https and mailto is
// made harmless.
type Link struct {
	URL      string
	Text     Text
	Required bool // it finishes a logout
}

// texts are all that the message says.
func (m Message) texts() []Text {
	all := append([]Text{m.Title}, m.Texts...)
	for _, link := range m.Links {
		all = append(all, link.Text)
	}
	return all
}

// in is the message in a language.
func (m Message) in(t tongue) page.Page {
	p := page.Page{
		Kind: m.Kind, Status: m.Status,
		Title: t.say(m.Title), Texts: t.sayAll(m.Texts),
		Language: t.String(), Dir: t.Dir(),
	}
	for _, link := range m.Links {
		p.Links = append(p.Links, page.Link{URL: link.URL, Text: t.say(link.Text), Required: link.Required})
	}
	return p
}

// Serve sends the page.
func (s *Set) Serve(w http.ResponseWriter, r *http.Request, m Message) {
	if m.Status == 0 {
		m.Status = http.StatusInternalServerError
	}
	d := s.begin(r, m.texts()...)
	d.body = d.render(m.in(d.tongue))
	d.send(w, m.Status, "frame-ancestors 'self'")
}

// Say returns the texts in the language of r's browser, and says so in the headers:
// for answers that are not pages.
func (s *Set) Say(w http.ResponseWriter, r *http.Request, texts ...Text) []string {
	t := s.choose(r, texts...)
	t.announce(w.Header())
	return t.sayAll(texts)
}
