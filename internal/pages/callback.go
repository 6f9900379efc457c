package pages

import (
	"cmp"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"

	"github.com/passport-go/passport/internal/authdomain"
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
	set       *Set
	parentURL string
	ancestors string
	url       string                   // that the message goes to
	heads     map[Return]template.HTML // the same for every user, if not done
}

// Return is what the server knows of a browser that comes to the callback.
type Return struct {
	// Done says that the Passport session is known to have ended.
	Done bool

	// Unknown says that it is not the return from a logout of the server's. It may be
	// from one of a program in the browser, at the parent URL.
	Unknown bool
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
	// The JavaScript SDK takes error and state in a query for an answer of the auth
	// domain, so the message goes without one.
	c := &Callback{set: s, parentURL: parentURL, ancestors: ancestors, url: parent + u.EscapedPath()}
	c.heads = map[Return]template.HTML{{}: c.head(Return{}, ""), {Unknown: true}: c.head(Return{Unknown: true}, "")}
	return c, nil
}

// head is the head of the page. state is that of the logout which is done.
func (c *Callback) head(r Return, state string) template.HTML {
	data := map[string]any{"Next": c.parentURL, "URL": c.url, "Script": callbackJS, "Passport": "unconfirmed", "State": state}
	if r.Done {
		data["Passport"] = "done"
	}
	if r.Unknown {
		data["Pass"] = authdomain.ReturnParam
	}
	return callbackHead.render(data)
}

// stateOf returns what ties a return to its logout, or "".
func stateOf(query url.Values) string {
	return cmp.Or(query.Get(authdomain.ReturnParam), query.Get("state"))
}

// Serve sends the page. It tells the parent "done" or "unconfirmed" and, at top level,
// hands an unknown return on to the parent URL. Only in a window, such as a popup, does
// it look like the program's own: in an iframe nobody sees it.
func (c *Callback) Serve(w http.ResponseWriter, r *http.Request, returned Return) {
	d := c.set.begin(r, Say(SigningOut), Say(Continue))
	d.head = c.heads[returned]
	if returned.Done {
		d.head = c.head(returned, stateOf(r.URL.Query()))
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
