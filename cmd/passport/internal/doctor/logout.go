package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
)

// logoutAnswer is what passport.js reads.
type logoutAnswer struct {
	Mode string `json:"mode"`
	URL  string `json:"url"`
}

// checkLogout logs out a browser that is not signed in, as passport.js does, and then
// as a page of another site would.
func (e *examination) checkLogout(ctx context.Context) {
	res, err := e.postLogout(ctx, e.at.origin, "same-origin")
	if err != nil {
		e.unreachable("program.unreachable", e.at.logout, err)
		return
	}
	answer, isAnswer := logoutAnswerIn(res)
	switch {
	case isAnswer:
		e.checkLogoutAnswer(answer)
	case res.StatusCode == http.StatusForbidden:
		e.find("logout.refused", "%s answers 403 to a POST of its own origin", e.at.logout)
		return
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed:
		e.find("logout.not-found", "%s answers %d to a POST", e.at.logout, res.StatusCode)
		return
	default:
		e.find("logout.not-logout", "%s answers %d, and not as Logout does", e.at.logout, res.StatusCode)
		return
	}
	if !strings.Contains(strings.ToLower(res.Header.Get("Cache-Control")), "no-store") {
		e.find("cache.stored", "the logout's Cache-Control is %q, and the program sends no-store", res.Header.Get("Cache-Control"))
	}
	foreign, err := e.postLogout(ctx, "https://passport-doctor.invalid", "cross-site")
	if err != nil {
		return
	}
	if _, isAnswer := logoutAnswerIn(foreign); isAnswer {
		e.find("logout.cross-site", "%s answers %d to a POST of another site", e.at.logout, foreign.StatusCode)
	}
}

func logoutAnswerIn(res response) (a logoutAnswer, ok bool) {
	ok = json.Unmarshal([]byte(res.body), &a) == nil && a.Mode != "" && a.URL != ""
	return a, ok
}

func (e *examination) postLogout(ctx context.Context, origin, site string) (response, error) {
	r, err := http.NewRequest(http.MethodPost, e.at.logout, http.NoBody)
	if err != nil {
		return response{}, err
	}
	for name, value := range map[string]string{
		"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", "Origin": origin,
		"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": site,
	} {
		r.Header.Set(name, value)
	}
	return e.send(ctx, nil, r)
}

// checkLogoutAnswer finds out whether the program runs with another configuration.
func (e *examination) checkLogoutAnswer(a logoutAnswer) {
	if want := or(string(e.c.LogoutMode), string(passport.LogoutRedirect)); a.Mode != want && e.p.LogoutURL() != "" {
		e.find("config.differs", "the program's logout has the mode %q, and this configuration %q", a.Mode, want)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		return
	}
	for _, name := range []string{"returnTo", "post_logout_redirect_uri"} {
		if back, err := url.Parse(u.Query().Get(name)); err == nil && u.Query().Has(name) && !at(back, e.c.LogoutRedirectURI) {
			e.find("config.differs", "the program's logout has %s %s, and this configuration %q", name, place(back), e.c.LogoutRedirectURI)
		}
	}
}

// checkReturn comes back from a logout to LogoutRedirectURI, which Handler notices and
// tidies up after.
func (e *examination) checkReturn(ctx context.Context) {
	u, err := url.Parse(e.c.LogoutRedirectURI)
	if err != nil || e.c.Discover {
		return // the state is the provider's then, and nothing can be seen
	}
	back := with(u, authdomain.ReturnParam, "passport-doctor")
	res, _, err := e.visit(ctx, back, func(*url.URL) bool { return false })
	if err != nil {
		e.unreachable("program.unreachable", e.c.LogoutRedirectURI, err)
		return
	}
	if to := res.location(); to == nil || !at(to, e.c.LogoutRedirectURI) || to.Query().Has(authdomain.ReturnParam) {
		e.find("return.unnoticed", "%s answers %d to a browser that comes back from a logout", e.c.LogoutRedirectURI, res.StatusCode)
	}
}
