package pages

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"path"
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

// moduleTail makes a module of the script. A second copy in the page, in either form,
// adds nothing, so the exports are those of the first.
const moduleTail = "\nconst passport=window[Symbol.for(\"passport.js\")],{logout,finish}=passport;" +
	"export{logout,finish};export default passport;\n"

//go:embed passport.d.ts
var passportTypes string

// Script serves passport.js, which posts to logoutPath unless its script tag or its
// caller says otherwise. The path decides the form: an ES module if it ends in .mjs,
// the types if it ends in .ts, and otherwise a classic script. A browser that has it
// asks only whether it has changed, so that script and server are of one version.
func Script(logoutPath string) http.Handler {
	quoted, _ := json.Marshal(logoutPath) // a string always can be
	script := strings.Replace(string(passportJS), defaultPath, string(quoted), 1)
	const javaScript = "text/javascript; charset=utf-8"
	classic := newFile(javaScript, script)
	module := newFile(javaScript, script+moduleTail)
	types := newFile("text/plain; charset=utf-8", passportTypes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path.Ext(r.URL.Path) {
		case ".mjs":
			module.serve(w, r)
		case ".ts":
			types.serve(w, r)
		default:
			classic.serve(w, r)
		}
	})
}

// file is one that a browser is to ask for anew each time.
type file struct{ mediaType, etag, content string }

func newFile(mediaType, content string) file {
	sum := sha256.Sum256([]byte(content))
	return file{mediaType, `"` + hex.EncodeToString(sum[:8]) + `"`, content}
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.content))
}
