package doctor

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/passport-go/passport"
)

// checkSilent looks at the page that completes a silent logout, as the hidden iframe
// gets it.
func (e *examination) checkSilent(ctx context.Context) {
	e.noteThirdParty()
	r, err := navigation(e.c.LogoutRedirectURI)
	if err != nil {
		return
	}
	r.Header.Set("Sec-Fetch-Dest", "iframe")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := e.send(ctx, nil, r)
	switch {
	case err != nil:
		e.unreachable("program.unreachable", e.c.LogoutRedirectURI, err)
		return
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusMethodNotAllowed:
		e.find("silent.not-found", "%s answers %d", e.c.LogoutRedirectURI, res.StatusCode)
		return
	case res.StatusCode != http.StatusOK || !strings.Contains(res.body, "postMessage"):
		e.find("silent.not-callback", "%s answers %d, and not with the page of LogoutSilentCallback", e.c.LogoutRedirectURI, res.StatusCode)
		return
	}
	e.checkCallbackFraming(r.URL, res)
}

func (e *examination) checkCallbackFraming(page *url.URL, res response) {
	if value := res.Header.Get("X-Frame-Options"); value != "" {
		e.find("silent.framing", "%s has X-Frame-Options: %s", e.c.LogoutRedirectURI, value)
	}
	policies := policiesOf(res)
	for _, p := range policies {
		if !p.allows("frame-ancestors", page, e.at.origin) {
			e.find("silent.parent", "the page at %s may not be framed by %s: frame-ancestors %s", e.c.LogoutRedirectURI, e.at.origin, strings.Join(p["frame-ancestors"], " "))
		}
	}
	if len(policies) > 1 {
		e.find("silent.framing", "%s has %d Content-Security-Policies, and the SDK sends one", e.c.LogoutRedirectURI, len(policies))
	}
	if len(policies) == 0 {
		e.find("silent.framing", "%s has lost its Content-Security-Policy", e.c.LogoutRedirectURI)
	}
}

// noteThirdParty says what a silent logout can know if the auth domain is of another
// site.
func (e *examination) noteThirdParty() {
	own, err := url.Parse(e.at.origin)
	if err == nil && e.provider.origin != nil && otherSite(own, e.provider.origin) {
		e.find("silent.third-party", "%s and %s are of two sites", own.Host, e.provider.origin.Host)
	}
}

// checkHome looks at the headers of the program's own page, from which users log out.
func (e *examination) checkHome(ctx context.Context) {
	res, end, err := e.visit(ctx, e.at.home, func(to *url.URL) bool {
		return strings.HasPrefix(to.String(), e.at.origin+"/") && !at(to, e.at.login)
	})
	if err != nil || res.StatusCode != http.StatusOK {
		return // it is for users alone
	}
	logout, err := url.Parse(e.p.LogoutURL())
	if err != nil || logout.Host == "" {
		return
	}
	e.checkPage(end, res, logout)
	control := strings.ToLower(res.Header.Get("Cache-Control"))
	shared := cacheHit(res.Header) || strings.Contains(control, "public") || strings.Contains(control, "s-maxage")
	if shared && !strings.Contains(strings.ToLower(strings.Join(res.Header.Values("Vary"), ",")), "cookie") {
		e.find("cache.page", "%s: Cache-Control is %q, and Vary does not name Cookie", place(end), res.Header.Get("Cache-Control"))
	}
}

func (e *examination) checkPage(page *url.URL, res response, logout *url.URL) {
	provider := logout.Scheme + "://" + logout.Host
	for _, p := range policiesOf(res) {
		if e.c.LogoutMode != passport.LogoutSilent {
			if !p.allows("form-action", page, e.at.origin) || !p.allows("form-action", page, provider) {
				e.find("csp.form-action", "%s: form-action %s", place(page), strings.Join(p["form-action"], " "))
			}
			continue
		}
		callback, _ := url.Parse(e.c.LogoutRedirectURI)
		for _, origin := range []string{provider, callback.Scheme + "://" + callback.Host} {
			if !p.allows("frame-src", page, origin) {
				e.find("silent.frame-src", "%s does not allow frames of %s", place(page), origin)
			}
		}
	}
	embedder := strings.ToLower(res.Header.Get("Cross-Origin-Embedder-Policy"))
	if e.c.LogoutMode == passport.LogoutSilent && (strings.HasPrefix(embedder, "require-corp") || strings.HasPrefix(embedder, "credentialless")) {
		e.find("silent.isolated", "%s has Cross-Origin-Embedder-Policy: %s", place(page), embedder)
	}
}

func forbidsFraming(h http.Header) bool {
	if h.Get("X-Frame-Options") != "" {
		return true
	}
	for _, p := range policiesIn(h) {
		if p["frame-ancestors"] != nil {
			return true
		}
	}
	return false
}
