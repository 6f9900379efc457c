package pages

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
)

var (
	//go:embed post.html
	postHTML string

	postPage = &source{name: "post", html: &postHTML}
	postJS   = template.JS("document.forms[0].submit()")
)

// ServePost sends a page that posts fields to action at once, or at the press of
// its button where no scripts run: what does not fit into a URL. It is gone before it
// is seen, and always the SDK's own.
func (s *Set) ServePost(w http.ResponseWriter, r *http.Request, action string, fields url.Values) {
	d := &document{tongue: s.choose(r, Say(SigningOut), Say(Continue)), set: s}
	d.body = postPage.render(map[string]any{
		"Title":    d.say(Say(SigningOut)),
		"Action":   action,
		"Fields":   fields,
		"Continue": d.say(Say(Continue)),
		"Style":    pageStyle,
		"Script":   postJS,
	})
	// No form-action: browsers hold it against the redirects that follow too,
	// and where a provider redirects to is its own affair.
	csp := "default-src 'none'; script-src " + hash(postJS) + "; style-src " + hash(pageStyle) +
		"; base-uri 'none'; frame-ancestors 'self'"
	d.announce(w.Header())
	send(w, http.StatusOK, csp, d.whole())
}
