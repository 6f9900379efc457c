package pages

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/passport-go/passport/page"
)

// Set is the pages of one program: how they look, and in which languages they are.
type Set struct {
	table
	render func(ctx context.Context, w io.Writer, p page.Page) error
	log    *slog.Logger
}

// NewSet checks the options. log is told of pages that the program could not render.
// The errors do not name the field; the caller does.
func NewSet(o page.Options, log *slog.Logger) (*Set, []error) {
	t, problems := newTable(o)
	return &Set{table: t, render: o.Render, log: log}, problems
}

// document is one response: a page, with what belongs to it whoever has written the
// page. The parts that a logout depends on come first in the document, where nothing
// that follows can take them away.
type document struct {
	tongue
	set   *Set
	ctx   context.Context
	nonce string // for a page of the program's own; else ""

	head template.HTML // scripts, and what replaces them where none run
	body template.HTML
	tail template.HTML
}

// begin begins a response that is made of the texts.
func (s *Set) begin(r *http.Request, texts ...Text) *document {
	d := &document{tongue: s.choose(r, texts...), set: s, ctx: r.Context()}
	if s.render != nil {
		d.nonce = rand.Text()
	}
	return d
}

// render writes a page: the program's own, if it has one and that is fit to be shown.
func (d *document) render(p page.Page) template.HTML {
	if d.set.render != nil {
		p.Nonce = d.nonce
		own, err := renderOwn(d.ctx, d.set.render, p)
		if err == nil {
			return own
		}
		d.set.log.WarnContext(d.ctx, "passport: Config.Pages.Render failed, and the page of the SDK was shown instead",
			"kind", p.Kind, "language", p.Language, "error", withoutURLs(err, p))
	}
	return d.renderOurs(p)
}

//go:embed message.html
var messageHTML string

var messagePage = &source{name: "message", html: &messageHTML}

func (d *document) renderOurs(p page.Page) template.HTML {
	return messagePage.render(map[string]any{
		"Title": p.Title,
		"Texts": p.Texts,
		"Links": p.Links,
		"Wait":  p.Kind == page.SigningOut,
		"Style": pageStyle,
	})
}

// largest is how much HTML a program's page may have.
const largest = 1 << 20

var (
	errTooLarge = errors.New("the page has more than 1 MB")
	errEmpty    = errors.New("the page is empty")
)

// renderOwn calls the program's Render, which may fail in any way.
func renderOwn(ctx context.Context, render func(context.Context, io.Writer, page.Page) error, p page.Page) (_ template.HTML, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	var b bounded
	if err := render(ctx, &b, p); err != nil {
		return "", err
	}
	own := b.String()
	switch {
	case b.over:
		return "", errTooLarge
	case strings.TrimSpace(own) == "":
		return "", errEmpty
	}
	if err := checkLinks(own, p.Links); err != nil {
		return "", err
	}
	return template.HTML(own), nil
}

// bounded keeps what is written to it, up to largest.
type bounded struct {
	strings.Builder
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > largest {
		b.over = true
		return 0, errTooLarge
	}
	return b.Builder.Write(p)
}

func (b *bounded) WriteString(s string) (int, error) { return b.Write([]byte(s)) }

// whole is the document as it is sent.
func (d *document) whole() []byte {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "<!doctype html>\n<html lang=%q dir=%q>\n<meta charset=\"utf-8\">\n", d.String(), d.Dir())
	for _, part := range []template.HTML{d.head, d.body, d.tail} {
		b.WriteString(string(part))
	}
	return []byte(b.String())
}

// send sends the document, with the directives of its policy beside those that all
// pages have.
func (d *document) send(w http.ResponseWriter, status int, directives ...string) {
	d.announce(w.Header())
	send(w, status, policy(append(d.styles(), directives...)...), d.whole())
}

// styles are the directives for what makes a page look as it does. The program's own
// page may need the SDK's style beside its own, for a part that failed.
func (d *document) styles() []string {
	ours := "style-src " + hash(pageStyle)
	if d.nonce == "" {
		return []string{ours}
	}
	return []string{ours + " 'nonce-" + d.nonce + "' 'self'", "img-src 'self' data:", "font-src 'self' data:"}
}
