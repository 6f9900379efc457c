package main

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
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

	page = template.Must(template.ParseFS(templateFiles, "templates/page.html"))
)

// view is what the page shows.
type view struct {
	Instance string // that answers
	Name     string // of the user; empty: nobody is signed in
	Here     string // Session.ID of the browser that asks
	Sessions []passport.SessionInfo
}

func (v view) Others() bool { return len(v.Sessions) > 1 }

func (i *instance) home(w http.ResponseWriter, r *http.Request) {
	v, err := i.look(r)
	if errors.Is(err, passport.ErrNoSession) { // it has ended just now
		v, err = view{Instance: i.name}, nil
	}
	if err != nil {
		unavailable(w)
		return
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes()) // the browser has gone if this fails
}

// look gathers what there is to see for the user who asks.
func (i *instance) look(r *http.Request) (view, error) {
	v := view{Instance: i.name}
	session := passport.SessionFrom(r.Context())
	if session == nil {
		return v, nil
	}
	profile, err := session.Profile(r.Context())
	if err != nil {
		return v, err
	}
	if session.Info().Label == "" {
		if err := session.SetLabel(r.Context(), browser(r.UserAgent())); err != nil {
			return v, err
		}
	}
	v.Name = cmp.Or(profile.Nickname, profile.Email, profile.Subject)
	v.Here = session.ID()
	v.Sessions, err = i.passport.Sessions(r.Context(), profile.Subject)
	return v, err
}

// A browser names others too, to be taken for them; the first that is found is
// the right one.
var (
	browsers = [][2]string{{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
	systems  = [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
)

// browser is a label for a session, by what the browser says of itself.
func browser(userAgent string) string {
	label := cmp.Or(firstIn(userAgent, browsers), "Some browser")
	if system := firstIn(userAgent, systems); system != "" {
		label += " on " + system
	}
	return label
}

func firstIn(text string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(text, n[0]) {
			return n[1]
		}
	}
	return ""
}
