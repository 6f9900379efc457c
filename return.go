package passport

import (
	"net/http"
	"net/url"

	"github.com/passport-go/passport/internal/authdomain"
)

// The browser's return from the auth domain to LogoutRedirectURI.
//
// A logout sends the browser's guard along and gets it back: as state from a
// discovered provider, and in a parameter of returnTo, whose query /v2/logout
// does not compare, from the Passport auth domain. So a visit to that page by
// any other way proves nothing.
const returnParam = authdomain.ReturnParam

// returnToWith adds the guard to where /v2/logout sends the browser.
func (p *Passport) returnToWith(guard Secret) string {
	if p.c.LogoutRedirectURI == "" {
		return ""
	}
	return withQuery(p.c.LogoutRedirectURI, url.Values{returnParam: {guard.Reveal()}})
}

// CheckLogoutReturn says what a request to LogoutRedirectURI, with that query, proves of
// the logout with that [Logout.State]:
//
//   - OutcomeDone: the browser is back from the Passport auth domain's logout, which
//     has ended its session. That is so for a navigation at top level; a hidden
//     iframe may have been kept from its cookies, and its return proves nothing.
//   - OutcomeUnconfirmed: it is back from a discovered provider's, which may have asked
//     the user, who may have chosen to stay.
//   - OutcomePending: it is not the return from that logout.
//
// [Passport.Handler] does this by itself.
func (p *Passport) CheckLogoutReturn(guard Secret, query url.Values) Outcome {
	name, proof := returnParam, OutcomeDone
	if p.c.Discover {
		name, proof = "state", OutcomeUnconfirmed
	}
	if guard == "" || Secret(query.Get(name)) != guard {
		return OutcomePending
	}
	return proof
}

// noticeReturn reports whether a request to LogoutRedirectURI proves that the
// auth domain's logout has seen the browser's Passport cookie; then the logout
// is complete, and the browser need not remember it.
//
// It has to be the return from this browser's logout, and the browser has to
// say what the way there was. Sec-Fetch-Site covers the whole chain of redirects
// (W3C Fetch Metadata §2.2): an iframe whose chain stayed on one site was given
// its cookies, and a navigation at top level always is.
func (p *Passport) noticeReturn(w http.ResponseWriter, r *http.Request) bool {
	guard := p.cookies.get(r, p.cookies.logout)
	if guard == "" || r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		return false
	}
	switch p.CheckLogoutReturn(guard, r.URL.Query()) {
	case OutcomeUnconfirmed:
		p.emit(Event{Name: EventPassportReturned, Context: r.Context()})
		return false
	case OutcomePending:
		return false
	}
	if !p.sawItsCookie(r) {
		return false
	}
	p.cookies.remove(w, p.cookies.logout)
	p.emit(Event{Name: EventPassportDone, Context: r.Context()})
	return true
}

// sawItsCookie reports whether the browser says that the auth domain, on the
// way here, was given its cookie.
func (p *Passport) sawItsCookie(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	oneSite := site == "same-site" || site == "same-origin" && p.callbackOrigin == p.c.authDomain
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "iframe":
		return oneSite
	case "document":
		return oneSite || site == "cross-site"
	}
	return false
}

// tidyReturn takes our parameter out of the address that the user sees.
func tidyReturn(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	query.Del(returnParam)
	tidy := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query.Encode()}
	noStore(w)
	http.Redirect(w, r, localPath(tidy.String(), "/"), http.StatusSeeOther)
}
