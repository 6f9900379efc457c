package doctor

import (
	"context"
	"net/http"
	"net/url"
)

// checkOrigins looks at the pages of other origins that may sign users out.
func (e *examination) checkOrigins(ctx context.Context) {
	own, err := url.Parse(e.at.origin)
	if err != nil {
		return
	}
	for _, origin := range e.c.TrustedOrigins {
		u, err := url.Parse(origin)
		if err != nil {
			continue
		}
		if otherSite(u, own) {
			e.find("origins.cross-site", "Config.TrustedOrigins has %s, which is of another site than %s", origin, e.at.origin)
		}
		if !e.has("logout.not-found") {
			e.checkPreflight(ctx, origin)
		}
	}
}

// checkPreflight asks what a browser asks before a page of another origin may post a
// logout as JSON (Fetch Standard, CORS-preflight request).
func (e *examination) checkPreflight(ctx context.Context, origin string) {
	r, err := http.NewRequest(http.MethodOptions, e.at.logout, nil)
	if err != nil {
		return
	}
	for name, value := range map[string]string{
		"Origin": origin, "Access-Control-Request-Method": http.MethodPost, "Access-Control-Request-Headers": "content-type",
		"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "empty",
	} {
		r.Header.Set(name, value)
	}
	res, err := e.send(ctx, nil, r)
	if err != nil {
		return
	}
	allowed := res.Header.Values("Access-Control-Allow-Origin")
	if res.StatusCode > 299 || len(allowed) != 1 || allowed[0] != origin || res.Header.Get("Access-Control-Allow-Credentials") != "true" {
		e.find("origins.preflight", "%s answers %d to the preflight of %s, with Access-Control-Allow-Origin %q", e.at.logout, res.StatusCode, origin, allowed)
	}
}
