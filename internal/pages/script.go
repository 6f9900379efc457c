package pages

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"
)

// Made from passport.js: run go test -run Minified -update in internal/browsertest.
//
//go:embed passport.min.js
var passportSource string

// passportJS is passport.js as it goes out, one constant with one hash.
var passportJS = template.JS(strings.TrimSpace(passportSource))

// Answer is what a logout handler tells passport.js, as JSON, and what the
// no-script page carries for the same code. The statuses are those of package
// passport: done, pending, failed, skipped, unconfirmed.
type Answer struct {
	Mode     string `json:"mode"`               // "redirect" or "silent"
	URL      string `json:"url"`                // the logout URL on the auth domain
	Callback string `json:"callback,omitempty"` // silent: the Origin of LogoutRedirectURI
	Timeout  int64  `json:"timeout,omitempty"`  // silent: milliseconds, above 0
	Fallback string `json:"fallback,omitempty"` // silent: "redirect" or "report"
	ReturnTo string `json:"returnTo,omitempty"` // where a form's logout ends: a path that the server has checked

	App        string `json:"app"`
	Revocation string `json:"revocation"`
	Passport   string `json:"passport"`

	// OtherProvider is for a provider that is not Passport: the page does not name it.
	OtherProvider bool `json:"-"`
}

// defaultPath is the path that passport.js posts to, as its source has it.
const defaultPath = `"/logout"`

// Script serves passport.js, which posts to logoutPath unless its script tag
// says otherwise. A browser that has it asks only whether it has changed, so
// that script and server are of one version.
func Script(logoutPath string) http.Handler {
	quoted, _ := json.Marshal(logoutPath) // a string always can be
	script := bytes.Replace([]byte(passportJS), []byte(defaultPath), quoted, 1)
	sum := sha256.Sum256(script)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(script))
	})
}
