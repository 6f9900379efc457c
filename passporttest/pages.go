package passporttest

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// page answers with one of the pages. None of them may be stored, or tell
// another site its address, which holds the parameters of a login or a logout.
func page(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, data); err != nil {
		panic("passporttest: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// errorPage is for requests that no client can be told about: nothing in them
// says where to send the browser.
func (d *AuthDomain) errorPage(w http.ResponseWriter, _ *http.Request, title, detail, value string) {
	page(w, http.StatusBadRequest, "error.html", map[string]string{"Title": title, "Detail": detail, "Value": value})
}

func (d *AuthDomain) signedOutPage(w http.ResponseWriter, _ *http.Request) {
	page(w, http.StatusOK, "signedout.html", map[string]string{"Title": "You are signed out"})
}
