package pages

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
)

var (
	//go:embed callback.html
	callbackHTML string
	//go:embed callback.js
	callbackSource string

	callbackPage = &page{name: "callback", html: &callbackHTML}
	callbackJS   = template.JS(strip(callbackSource))
)

// Callback is the page at LogoutRedirectURI. In an iframe it posts the message
// that completes a silent logout, the JavaScript SDK's too, to the parent's
// origin and to no other; at top level it goes on to the parent URL. It is the
// same for every user, and is made once.
type Callback struct {
	policy            string
	done, unconfirmed []byte
}

// NewCallback makes the page for one parent URL: absolute, http or https.
// embedders are URLs of the pages that the parent may be embedded in: a browser
// shows the callback only if its policy names every page around it. The error does
// not name the field; the caller does.
func NewCallback(parentURL string, embedders ...string) (*Callback, error) {
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
	page := func(passport string) []byte {
		return callbackPage.render(map[string]any{
			"Next": parentURL,
			// The JavaScript SDK takes error and state in a query for an
			// answer of the auth domain, so the message goes without one.
			"URL":      parent + u.EscapedPath(),
			"Passport": passport,
			"Script":   callbackJS,
		})
	}
	return &Callback{
		policy:      policy("script-src "+hash(callbackJS), ancestors),
		done:        page("done"),
		unconfirmed: page("unconfirmed"),
	}, nil
}

// Serve sends the page. done says whether the Passport session is known to have
// ended; the parent is told "done" or "unconfirmed".
func (c *Callback) Serve(w http.ResponseWriter, done bool) {
	page := c.unconfirmed
	if done {
		page = c.done
	}
	send(w, http.StatusOK, c.policy, page)
}
