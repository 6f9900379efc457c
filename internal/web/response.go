package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

var noStore = []string{"no-store"}

// NoStore keeps a response out of caches. Handlers call it for each response that is for
// one user alone, so another header that all of those need belongs here; package pages
// has the same for the SDK's own pages.
func NoStore(w http.ResponseWriter) { w.Header()["Cache-Control"] = noStore }

// ClearPrepared makes the browser forget which pages of the site it has fetched, or drawn,
// before anybody has asked for them (Clear-Site-Data; the types are of the WICG's
// nav-speculation). It does so whatever Cache-Control those have. Browsers that know no
// such type, or prepare no pages, ignore it.
func ClearPrepared(w http.ResponseWriter) {
	if h := w.Header(); h["Clear-Site-Data"] == nil {
		h["Clear-Site-Data"] = prepared
	} else { // the program clears something itself
		h.Add("Clear-Site-Data", prepared[0])
	}
}

var prepared = []string{`"prefetchCache", "prerenderCache"`}

// WriteJSON writes v as a response that is not stored.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	NoStore(w)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the connection is gone if this fails
}

// SeeOther is http.Redirect with a 303, but does not parse a URL that needs neither
// resolving nor escaping, in a response that has no body: parsing takes longer than
// removing a session from the store.
func SeeOther(w http.ResponseWriter, r *http.Request, to string) {
	if r.Method != http.MethodPost || !strings.HasPrefix(to, "https://") || !isASCII(to) {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	w.Header()["Location"] = []string{to}
	w.WriteHeader(http.StatusSeeOther)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
