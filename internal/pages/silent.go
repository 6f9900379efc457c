package pages

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
)

var (
	//go:embed silent.html
	silentHTML string
	//go:embed silent.js
	silentSource string

	silentPage = &page{name: "silent", html: &silentHTML}
	silentJS   = template.JS(strip(silentSource))
)

// ServeSilent answers a form that was posted without passport.js, in silent
// mode: a page that runs the same code from the inside, and then gives way to
// a.ReturnTo, which must be set. Where the browser runs no scripts at all it
// goes to a.URL at top level. The status is 200, or 503 if a.App is "failed".
// via are addresses that the iframe passes through, other than a.URL and
// a.Callback.
//
// It fails if one of them is not an http or https URL, and has then written
// nothing.
func ServeSilent(w http.ResponseWriter, a Answer, via ...string) error {
	frames, connect := "frame-src", "connect-src"
	for _, address := range append(via, a.URL, a.Callback) {
		o, err := Origin(address)
		if err != nil {
			return fmt.Errorf("an address of the logout: %w", err)
		}
		frames += " " + o
		if address == a.URL {
			connect += " " + o // to look whether anybody answers there
		}
	}
	failed := a.App == "failed"
	page := silentPage.render(map[string]any{
		"Answer":   a,
		"Failed":   failed,
		"Style":    pageStyle,
		"Passport": passportJS,
		"Script":   silentJS,
	})
	csp := policy(
		"script-src "+hash(passportJS)+" "+hash(silentJS),
		"style-src "+hash(pageStyle),
		frames,
		connect,
		"frame-ancestors 'self'",
	)
	send(w, statusOf(failed), csp, page)
	return nil
}

func statusOf(failed bool) int {
	if failed {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}
