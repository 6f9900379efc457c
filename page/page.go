// Package page is for programs that want the few pages that this SDK serves itself to
// look like their own, or to speak more languages: the page of a silent logout, those
// of errors and unconfirmed logouts, and what package native shows in the browser.
// passport.Config.Pages takes its [Options]; docs/pages.md lists the texts.
//
// Whatever a program writes, the SDK keeps what the pages promise: it sends the
// headers and the Content-Security-Policy, adds the scripts that carry a logout out,
// and shows its own page instead of one that fails or leaves out a link that finishes
// a logout.
package page

import (
	"context"
	"html/template"
	"io"
)

// Kind says what a page is for.
type Kind string

// The kinds of pages.
const (
	// SigningOut is shown while a logout is under way, for an instant.
	SigningOut Kind = "signing-out"

	// SignedIn is what package native shows after a login.
	SignedIn Kind = "signed-in"

	// SignedOut is shown after a logout that is complete.
	SignedOut Kind = "signed-out"

	// Unconfirmed is shown after a logout that ended the program's session, and
	// perhaps not the one at the sign-in service.
	Unconfirmed Kind = "unconfirmed"

	// Failed is shown if a login, a logout or another request failed.
	Failed Kind = "failed"
)

// Page is what a page has to say. Its texts are in Language and are not HTML.
type Page struct {
	Kind   Kind
	Status int // the HTTP status, which the SDK sends

	Title string
	Texts []string // paragraphs, often one, sometimes none
	Links []Link   // where to go from here, the best first, sometimes none

	Language string // a BCP 47 tag, for the lang attribute
	Dir      string // ltr or rtl, for the dir attribute

	// Nonce allows the style elements that have it as their nonce attribute. It is
	// new for each response.
	Nonce string
}

// Link is somewhere to go from the page. Show it as an a element with URL as its href.
type Link struct {
	URL, Text string

	// Required says that the link finishes a logout. If the page lacks it, the SDK shows
	// its own page instead.
	Required bool
}

// Options are for the pages of one program. The zero value is the SDK's own pages, in
// the languages that it has.
type Options struct {
	// Render writes a page as a whole HTML document; see [Template]. ctx is that of
	// the request. It is called from many goroutines at once.
	//
	// The policy of the page allows style elements with Page.Nonce, and style sheets,
	// images and fonts of the page's own origin. It allows no scripts, forms and
	// frames, and no style attributes. If Render returns an error, panics, writes
	// nothing or more than 1 MB, or leaves out a link that is Required, the SDK's own
	// page is shown, and the log says why.
	//
	// Default: the SDK's own pages.
	Render func(ctx context.Context, w io.Writer, p Page) error

	// Texts are texts of the program's own, by language (a BCP 47 tag of a language and,
	// if need be, a script and a region, in any letter case) and name, as docs/pages.md
	// lists them. They override those of the SDK, and add languages.
	// Where a language lacks a text, that of its parent is used: de for de-CH. A page
	// for which texts are still missing is shown in another language as a whole.
	// Default: the SDK's texts.
	Texts map[string]map[string]string

	// Languages are those that pages may be in, of the SDK's languages and those in
	// Texts. A browser gets the one that it prefers (Accept-Language), and the first
	// one if it prefers none of them. Default: all of them, English first.
	Languages []string
}

// Template returns a function for Options.Render that executes t with the [Page]. t must
// not be nil.
func Template(t *template.Template) func(ctx context.Context, w io.Writer, p Page) error {
	return func(_ context.Context, w io.Writer, p Page) error { return t.Execute(w, p) }
}
