// Package pages holds what this SDK puts in a user's browser: the script
// passport.js and the few pages that a login or a logout ends on. It decides
// nothing: the caller says what is to be shown.
//
// Every page carries the strictest Content-Security-Policy that it works under,
// and names its inline scripts and styles by their hash, so it works whatever
// the program around it allows. The headers that a program's middleware has set
// for its own pages are replaced where they would break or weaken these.
package pages

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"sync"
)

//go:embed page.css
var pageCSS string

var pageStyle = template.CSS(strip(pageCSS))

// strip leaves out the lines of a script or a style sheet that are nothing but
// comment, and all indentation: they are for those who read the source.
func strip(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// hash is the source expression by which a policy allows one inline element.
func hash[T ~string](inline T) string {
	sum := sha256.Sum256([]byte(inline))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// policy joins the directives of a page to those that all pages share.
func policy(directives ...string) string {
	all := append([]string{"default-src 'none'"}, directives...)
	all = append(all, "base-uri 'none'", "form-action 'none'")
	return strings.Join(all, "; ")
}

// source is a template that is parsed when it is first shown: a program that shows
// none, such as one in a browser, then need not even hold the means to.
type source struct {
	name string
	html *string

	once     sync.Once
	template *template.Template
}

// render executes a template of this package. They are tested with all their
// branches, so an error is a mistake in this package.
func (s *source) render(data any) template.HTML {
	s.once.Do(func() { s.template = template.Must(template.New(s.name).Parse(*s.html)) })
	var b strings.Builder
	if err := s.template.Execute(&b, data); err != nil {
		panic("passport: pages: " + err.Error())
	}
	return template.HTML(b.String())
}

// send writes a page that must not be stored, with the policy csp.
//
// X-Frame-Options goes, for frame-ancestors in the policy says it all, and an
// outer middleware's DENY would refuse the parent that the callback page is for.
func send(w http.ResponseWriter, status int, csp string, page []byte) {
	h := w.Header()
	h.Del("X-Frame-Options")
	h.Set("Content-Security-Policy", csp)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The connection is gone if this fails, and nobody is left to be told.
	_, _ = w.Write(page)
}
