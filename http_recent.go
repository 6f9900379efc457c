package passport

import (
	"net/http"
	"time"

	"github.com/passport-go/passport/internal/web"
)

// RequireRecent is RequireLogin for what needs a user who has proved who they are
// no longer ago than maxAge: a change of the e-mail address, say. A navigation by
// anybody else is sent to the provider, which asks for credentials, and comes back;
// any other request gets a 401 with ErrNotRecent. Of a provider that does not say
// when it asked (auth_time), the login ends in an error, and not in a loop.
//
// The login begins a new session in the place of the old one.
//
// Like http.ServeMux.Handle it panics if it is set up wrongly: if maxAge is not
// positive.
func (p *Passport) RequireRecent(maxAge time.Duration, next http.Handler) http.Handler {
	if maxAge <= 0 {
		panic("passport: RequireRecent: maxAge is not positive: use RequireLogin if any login will do")
	}
	return p.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := SessionFrom(r.Context()); s == nil || s.isRecent(r.Context(), maxAge) {
			next.ServeHTTP(w, r)
			return
		}
		if !web.IsNavigation(r) {
			p.refuse(w, r, http.StatusUnauthorized, ErrNotRecent)
			return
		}
		p.StartLogin(w, r, LoginOptions{MaxAge: maxAge, ReturnTo: p.http.requested(r)})
	}))
}
