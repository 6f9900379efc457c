package doctor

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// checkCookies looks at the cookie of a login as it comes through the proxies.
func (e *examination) checkCookies(b begunLogin) {
	bare := strings.TrimPrefix(e.at.cookie, "__Host-")
	var found *http.Cookie
	for _, c := range b.cookies {
		if !strings.HasPrefix(strings.TrimPrefix(c.Name, "__Host-"), bare) {
			continue
		}
		if found != nil && found.Name == c.Name {
			e.find("cookie.twice", "%s is set twice in one response", c.Name)
		}
		found = c
	}
	if found == nil {
		e.find("cookie.missing", "the login sets no cookie whose name begins with %s", e.at.cookie)
		return
	}
	e.checkCookie(found)
}

func (e *examination) checkCookie(c *http.Cookie) {
	if e.at.secure && !strings.HasPrefix(c.Name, "__Host-") {
		e.find("cookie.prefix", "%s has lost its prefix __Host-", c.Name)
	}
	if c.Path != "/" || c.Domain != "" {
		e.find("cookie.prefix", "%s has Path=%s and Domain=%s, and the program sends Path=/ alone", c.Name, c.Path, c.Domain)
	}
	if e.at.secure != c.Secure {
		e.find("cookie.secure", "%s: Secure is %t at %s", c.Name, c.Secure, e.at.origin)
	}
	if !c.HttpOnly {
		e.find("cookie.http-only", "%s has lost HttpOnly", c.Name)
	}
	if c.SameSite != http.SameSiteLaxMode {
		e.find("cookie.same-site", "%s has %s, and the program sends SameSite=Lax", c.Name, sameSite(c.SameSite))
	}
}

func sameSite(mode http.SameSite) string {
	switch mode {
	case http.SameSiteStrictMode:
		return "SameSite=Strict"
	case http.SameSiteNoneMode:
		return "SameSite=None"
	}
	return "no SameSite"
}

// checkCallback comes back from the provider with login_required, once without the
// cookie and, for each login, with it. The program can tell them apart only if the
// cookie and the query arrive, and if it can open its own state.
func (e *examination) checkCallback(ctx context.Context) {
	without, err := e.comeBack(ctx, e.login.begun[0], false)
	if err != nil {
		e.unreachable("program.unreachable", e.c.RedirectURI, err)
		return
	}
	if without.StatusCode == http.StatusNotFound || without.StatusCode == http.StatusMethodNotAllowed {
		e.find("callback.not-found", "%s answers %d", e.c.RedirectURI, without.StatusCode)
		return
	}
	if e.login.begun[0].state() == "" {
		return // the request went ahead of the browser (RFC 9126), and the state with it
	}
	var with response
	for _, b := range e.login.begun {
		if with, err = e.comeBack(ctx, b, true); err != nil {
			return
		}
		if with.StatusCode != without.StatusCode {
			break
		}
	}
	switch {
	case with.StatusCode >= 500:
		e.find("callback.failed", "%s answers %d to a login that came back", e.c.RedirectURI, with.StatusCode)
	case with.StatusCode != without.StatusCode:
	case with.StatusCode != http.StatusBadRequest:
		e.find("callback.unknown", "%s answers %d with the cookie and without it", e.c.RedirectURI, with.StatusCode)
	case e.losesQuery(ctx):
		e.find("proxy.query", "%s answers as if it had no query", e.c.RedirectURI)
	case !e.has("encryption-keys.differ") && !e.has("encryption-keys.rotating"): // which explain it
		e.find("proxy.cookies", "%s answers %d to a login that came back with its cookie, as to one without it", e.c.RedirectURI, with.StatusCode)
	}
}

// comeBack is the browser's return from the provider.
func (e *examination) comeBack(ctx context.Context, b begunLogin, withCookies bool) (response, error) {
	u, err := url.Parse(e.c.RedirectURI)
	if err != nil {
		return response{}, err
	}
	query := u.Query()
	for name, value := range map[string]string{"error": "login_required", "error_description": "passport doctor", "state": b.state()} {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	r, err := navigation(u.String())
	if err != nil {
		return response{}, err
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if withCookies {
		for _, c := range b.cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	return e.send(ctx, nil, r)
}

// losesQuery reports whether the program does not see the parameter at which it would
// look for a logout to be posted: with it, it sends a browser that has none home.
func (e *examination) losesQuery(ctx context.Context) bool {
	u, err := url.Parse(e.c.RedirectURI)
	if err != nil {
		return false
	}
	res, _, err := e.visit(ctx, with(u, "logout", "none"), func(*url.URL) bool { return false })
	return err == nil && res.location() == nil
}

// cacheHit reports whether a response says that it comes from a cache.
func cacheHit(h http.Header) bool {
	if age := h.Get("Age"); age != "" && age != "0" {
		return true
	}
	return slices.ContainsFunc([]string{"X-Cache", "CF-Cache-Status", "X-Cache-Status"}, func(name string) bool {
		return strings.Contains(strings.ToUpper(h.Get(name)), "HIT")
	})
}
