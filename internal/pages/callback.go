package pages

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"

	"github.com/passport-go/passport/page"
)

var (
	//go:embed callback.html
	callbackHTML string
	//go:embed callbacktitle.html
	callbackTitleHTML string
	//go:embed callback.js
	callbackSource string

	callbackHead  = &source{name: "callback", html: &callbackHTML}
	callbackTitle = &source{name: "title", html: &callbackTitleHTML}
	callbackJS    = template.JS(strip(callbackSource))
)

// Callback is the page at LogoutRedirectURI. In an iframe it posts the message
// that completes a silent logout, the JavaScript SDK's too, to the parent's
// origin and to no other; at top level it goes on to the parent URL.
type Callback struct {
	set               *Set
	parentURL         string
	ancestors         string
	done, unconfirmed template.HTML // the same for every user
}

// NewCallback makes the page for one parent URL: absolute, http or https.
// embedders are URLs of the pages that the parent may be embedded in: a browser
// shows the callback only if its policy names every page around it. The error does
// not name the field; the caller does.
func (s *Set) NewCallback(parentURL string, embedders ...string) (*Callback, error) {
	u, err := url.Parse(parentURL)
	if err != nil {
		return nil, err
	}
	parent, err := origin(u)
	if err != nil {
		return nil, err
	}
	ancestors := "frame-ancestors " + parent
	for _, embedder := range embedders {
		o, err := Origin(embedder)
		if err != nil {
			return nil, err
		}
		ancestors += " " + o
	}
	head := func(passport string) template.HTML {
		return callbackHead.render(map[string]any{
			"Next": parentURL,
			// The JavaScript SDK takes error and state in a query for an
			// answer of the auth domain, so the message goes without one.
			"URL":      parent + u.EscapedPath(),
			"Passport": passport,
			"Script":   callbackJS,
		})
	}
	return &Callback{set: s, parentURL: parentURL, ancestors: ancestors, done: head("done"), unconfirmed: head("unconfirmed")}, nil
}

// Serve sends the page. done says whether the Passport session is known to have
// ended; the parent is told "done" or "unconfirmed". Only in a window, such as a
// popup, does the page look like the program's own: in an iframe nobody sees it.
func (c *Callback) Serve(w http.ResponseWriter, r *http.Request, done bool) {
	d := c.set.begin(r, Say(SigningOut), Say(Continue))
	d.head = c.unconfirmed
	if done {
		d.head = c.done
	}
	d.tail = continueLink.render(map[string]string{"URL": c.parentURL, "Text": d.say(Say(Continue))})
	directives := []string{"script-src " + hash(callbackJS), c.ancestors}
	if d.nonce != "" && r.Header.Get("Sec-Fetch-Dest") == "document" {
		d.body = d.render(Message{Kind: page.SigningOut, Status: http.StatusOK, Title: Say(SigningOut)}.in(d.tongue))
		directives = append(d.styles(), directives...)
	} else {
		d.body = callbackTitle.render(d.say(Say(SigningOut)))
	}
	d.announce(w.Header())
	send(w, http.StatusOK, policy(directives...), d.whole())
}
