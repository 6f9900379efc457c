package passporttest

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// There is no form-action: browsers apply it to the redirect after a form too, and ours
// goes to the application.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-src http: https:; base-uri 'none'"

// page responds with one of the pages. Like Auth0's, they must not be framed, because
// many have buttons that change something. They must not be stored, nor send their URL
// to another site, because it contains the parameters of a login or a logout.
func page(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("X-Frame-Options", "DENY")
	framablePage(w, status, name, data)
}

func framablePage(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, data); err != nil {
		panic("passporttest: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy", pagePolicy)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// errorPage is for invalid requests that do not say where to redirect the browser.
func errorPage(w http.ResponseWriter, title, detail, value string) {
	page(w, http.StatusBadRequest, "error.html", struct{ Title, Detail, Value string }{title, detail, value})
}

func signedOutPage(w http.ResponseWriter) {
	page(w, http.StatusOK, "signedout.html", struct{ Title string }{"You are signed out"})
}

func stillSignedInPage(w http.ResponseWriter) {
	page(w, http.StatusOK, "signedin.html", struct{ Title string }{"You are still signed in"})
}

// continuePage is a page that redirects to target.
func continuePage(w http.ResponseWriter, target string) {
	w.Header().Set("Refresh", "0; url="+target)
	page(w, http.StatusOK, "continue.html", struct{ Title, Target string }{"One moment", target})
}

// framesPage visits the URLs in iframes and then redirects to target, unless that is
// empty: a browser follows Refresh when everything in the page has loaded.
func framesPage(w http.ResponseWriter, frames []string, target string) {
	if target != "" {
		w.Header().Set("Refresh", "0; url="+target)
	}
	framablePage(w, http.StatusOK, "frames.html", struct {
		Title, Target string
		Frames        []string
	}{"You are signed out", target, frames})
}

type loginData struct {
	Title  string
	Client string
	Users  []userChoice
}

type userChoice struct {
	Subject, Name, Email, Initial string
	Hinted                        bool // the client has named this user
}

func (u User) choice(hint string) userChoice {
	name := u.name()
	_, size := utf8.DecodeRuneInString(name)
	return userChoice{
		Subject: u.Subject, Name: name, Email: u.Email, Initial: name[:size],
		Hinted: hint != "" && strings.EqualFold(u.Email, hint),
	}
}

func (u User) name() string {
	for _, name := range []string{u.Nickname, u.Username, u.Email} {
		if name != "" {
			return name
		}
	}
	return u.Subject
}

type confirmData struct {
	Title  string
	Client string
	User   string
	Action string
	Params url.Values
}
