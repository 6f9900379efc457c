package main

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/passport-go/passport"
)

var (
	//go:embed static
	static embed.FS

	//go:embed templates
	templateFiles embed.FS

	pages = template.Must(template.New("").Funcs(template.FuncMap{
		"machineReadable": machineReadable,
		"initial":         initial,
	}).ParseFS(templateFiles, "templates/*.html"))
)

// homePage is what the one page of the site shows.
type homePage struct {
	Site       *site
	Panel      panel
	Profile    *passport.Profile // nil: nobody is signed in
	Unfinished string            // where to finish a sign-out that is not known to be complete; or empty
}

// Name is what to call the user.
func (h homePage) Name() string {
	for _, name := range []string{h.Profile.Nickname, h.Profile.Username, h.Profile.Email} {
		if name != "" {
			return name
		}
	}
	return h.Profile.Subject
}

// AuthOrigin is where the auth domain is.
func (s *site) AuthOrigin() string { return s.authOrigin }

// StandIn reports whether the auth domain is the site's own stand-in.
func (s *site) StandIn() bool { return s.auth != nil }

// render writes the page, or nothing of it.
func render(w http.ResponseWriter, data homePage) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page.html", data); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // the browser has gone if this fails
}

func initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// machineReadable sets a line in the manner of a travel document's last two
// (ICAO Doc 9303): 44 characters, with < for all that is not a letter or digit.
func machineReadable(parts ...string) string {
	line := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '<'
	}, strings.Join(parts, "<<"))
	const width = 44
	if len(line) > width {
		return line[:width]
	}
	return line + strings.Repeat("<", width-len(line))
}
