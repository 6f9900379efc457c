package passport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// Where the browser must go to end its session at the provider: /v2/logout of
// the Passport auth domain or, with Config.Discover, the end-session endpoint
// (OpenID Connect RP-Initiated Logout 1.0 §2).

const (
	// longestURL is the length that browsers, proxies and servers accept. A longer
	// logout request, because of its id_token_hint, is posted.
	longestURL = 4000

	// postLife is how long a request to be posted waits for its browser.
	postLife = 5 * time.Minute
)

// LogoutURL is the address at which a browser ends its Passport session, and
// from which it comes back to LogoutRedirectURI. Only the browser can do that:
// fetching it from a server ends nothing.
//
// With Config.Discover it names no session, unlike the URL of
// [Passport.EndSession], so some providers ask the user. It is empty if the
// provider has no end-session endpoint or its metadata could not be fetched.
func (p *Passport) LogoutURL() string {
	if !p.c.Discover {
		return p.c.endpoints.LogoutURL(p.c.ClientID, p.c.LogoutRedirectURI, p.c.Federated)
	}
	endpoint, err := p.provider.EndSessionEndpoint(context.Background())
	if err != nil {
		return ""
	}
	return provider.WithQuery(endpoint, p.endSessionParams("", "", p.newLogoutState("")))
}

// sendTo fills in where the browser must go after the session in rec, which may
// be the zero Record, has ended. state comes back with the browser.
func (p *Passport) sendTo(ctx context.Context, l *Logout, rec storage.Record, state Secret) {
	l.State = state
	if !p.c.Discover {
		l.URL = p.logoutURL
		if p.c.LogoutRedirectURI != "" {
			l.URL += state.Reveal() // returnTo is the last parameter, and the state the last of its own
		}
		return
	}
	endpoint, err := p.provider.EndSessionEndpoint(ctx)
	if err != nil {
		// There is no URL to visit, and the provider's session goes on.
		l.Mode, l.URL, l.Passport = LogoutRedirect, either(p.c.LogoutRedirectURI, p.ownOrigin()+p.c.HomePath), OutcomeUnconfirmed
		return
	}
	var hint Secret
	if t, err := openTokens(p.records, rec); err == nil && !p.c.OmitIDTokenHint {
		hint = t.IDToken
	}
	params := p.endSessionParams(hint, rec.SID, state)
	l.URL = provider.WithQuery(endpoint, params)
	if len(l.URL) <= longestURL {
		return
	}
	if p.provider.AcceptsPostedLogout(ctx) {
		if posted, err := p.storePost(ctx, state, params); err == nil {
			l.URL = posted
			return
		}
	}
	params.Del("id_token_hint") // the provider may have to ask the user now
	l.URL = provider.WithQuery(endpoint, params)
}

// endSessionParams are those of the request that ends the session sid of the provider's, which may be
// unknown.
func (p *Passport) endSessionParams(hint Secret, sid string, state Secret) url.Values {
	return p.provider.EndSessionParams(provider.EndSession{
		IDTokenHint: hint.Reveal(),
		LogoutHint:  sid,
		RedirectURI: p.c.LogoutRedirectURI,
		UILocales:   p.c.UILocales,
		State:       state.Reveal(),
	})
}

// storePost keeps a logout request that is too long for a URL, and returns the
// address, at RedirectURI, where the browser that keeps the logout's state picks it
// up, once.
func (p *Passport) storePost(ctx context.Context, state Secret, params url.Values) (string, error) {
	body, err := json.Marshal(params)
	if err != nil {
		return "", err
	}
	id := Secret(records.NewSecret())
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	rec := p.logoutRequest(id, state)
	rec.Expiry = p.c.Now().Add(postLife)
	if _, err := p.records.Save(call, p.records.Seal(rec, body)); err != nil {
		return "", storeError(err)
	}
	return provider.WithQuery(p.c.RedirectURI, url.Values{logoutstate.PostedParam: {id.Reveal()}}), nil
}

// logoutRequest binds a request to the browser of its logout: it holds the user's ID
// token.
func (p *Passport) logoutRequest(id, state Secret) storage.Record {
	return p.records.New(storage.KindLogoutRequest, (id + " " + state).Reveal())
}

// PostedLogout returns a logout request that is too long for a URL, because of the
// user's ID token. [Logout.URL] then leads to RedirectURI with the parameter
// logout, and the browser b has to post the form to the address. The request can be
// fetched once, by the browser that logged out, within five minutes. ErrNoLogout:
// there is none, or it was already fetched. It is needed only with Config.Discover.
//
// [Passport.LoginCallback] calls it.
func (p *Passport) PostedLogout(ctx context.Context, b BrowserState, query url.Values) (address string, form url.Values, err error) {
	id := Secret(query.Get(logoutstate.PostedParam))
	if !records.Plausible(id.Reveal()) || b.Logout == "" {
		return "", nil, ErrNoLogout
	}
	endpoint, err := p.provider.EndSessionEndpoint(ctx)
	if err != nil {
		return "", nil, err
	}
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	rec, err := p.records.Delete(call, p.logoutRequest(id, b.Logout).ID)
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil, ErrNoLogout
	}
	if err != nil {
		return "", nil, storeError(err)
	}
	body, err := p.records.Open(rec)
	if err == nil {
		err = json.Unmarshal(body, &form)
	}
	if err != nil {
		return "", nil, fmt.Errorf("passport: the logout request cannot be read: %w", err)
	}
	return endpoint, form, nil
}

// postedTo is where the request goes that the browser picks up at l.URL, if it
// does so there.
func (p *Passport) postedTo(ctx context.Context, l Logout) []string {
	if !p.c.Discover {
		return nil
	}
	endpoint, err := p.provider.EndSessionEndpoint(ctx)
	if err != nil || strings.HasPrefix(l.URL, endpoint) {
		return nil
	}
	return []string{endpoint}
}

// ownOrigin is this site's, for absolute URLs.
func (p *Passport) ownOrigin() string {
	u, err := url.Parse(p.c.RedirectURI)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
