package passport

import (
	"net/http"
	"net/url"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/pages"
)

// FrontChannelLogout is what the app serves at its front-channel logout URI,
// which the provider's logout page visits in an iframe (OpenID Connect
// Front-Channel Logout 1.0 §2, §3). With iss and sid it ends the sessions of
// that Passport session, and needs no cookie, which third-party iframes do not
// get. With neither it ends the session of the browser that asks, if the
// request says that it comes from a page of the provider's. One without the
// other is refused.
//
// The page is empty, is not stored, and may be framed by the provider alone.
func (p *Passport) FrontChannelLogout(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		p.refuse(w, r, http.StatusMethodNotAllowed, errFrontChannel)
		return
	}
	if isPrefetch(r) {
		p.refuse(w, r, http.StatusServiceUnavailable, errPrefetch)
		return
	}
	q := r.URL.Query()
	iss, sid := q.Get("iss"), q.Get("sid")
	var err error
	switch {
	case iss == p.c.Issuer && sid != "":
		_, err = p.endByProvider(r.Context(), "", sid)
	case iss == "" && sid == "":
		err = p.endFramed(w, r)
	default:
		p.refuse(w, r, http.StatusBadRequest, errFrontChannel)
		return
	}
	if err != nil {
		p.refuse(w, r, http.StatusServiceUnavailable, err)
		return
	}
	pages.ServeEmpty(w, p.c.authDomain)
}

// endFramed ends the session whose cookie an iframe on the provider's page
// brought along.
func (p *Passport) endFramed(w http.ResponseWriter, r *http.Request) error {
	from, err := url.Parse(r.Referer())
	if err != nil || authdomain.OriginOf(from) != p.c.authDomain || r.Header.Get("Sec-Fetch-Dest") != "iframe" {
		return nil
	}
	secret := p.cookies.get(r, p.cookies.session)
	if secret == "" {
		return nil
	}
	l, debt, err := p.endOwn(r.Context(), secret, EventLogout)
	if l.App == OutcomeDone {
		p.revoker.pay(debt)
	}
	p.cookies.remove(w, p.cookies.session)
	return err
}
