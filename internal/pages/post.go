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

	postPage = &page{name: "post", html: &postHTML}
	postJS   = template.JS("document.forms[0].submit()")
)

// ServePost sends a page that posts fields to action at once, or at the press of
// its button where no scripts run: what does not fit into a URL.
func ServePost(w http.ResponseWriter, action string, fields url.Values) {
	page := postPage.render(map[string]any{
		"Action": action,
		"Fields": fields,
		"Style":  pageStyle,
		"Script": postJS,
	})
	// No form-action: browsers hold it against the redirects that follow too,
	// and where a provider redirects to is its own affair.
	csp := "default-src 'none'; script-src " + hash(postJS) + "; style-src " + hash(pageStyle) +
		"; base-uri 'none'; frame-ancestors 'self'"
	send(w, http.StatusOK, csp, page)
}
