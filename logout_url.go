package passport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
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
	// postLife is how long a request to be posted waits for its browser.
	postLife = 5 * time.Minute
)

// LogoutURL is the address at which a browser ends its Passport session, and
// from which it comes back to LogoutRedirectURI. Only the browser can do that:
// fetching it from a server ends nothing.
//
// With Config.Discover it names no session, unlike [Passport.LogoutURLFor] and the
// URL of [Passport.EndSession], so some providers ask the user, and others end
// nothing. It is empty if the provider has no end-session endpoint or its metadata
// could not be fetched.
func (p *Passport) LogoutURL() string {
	if !p.c.Discover {
		return p.c.endpoints.LogoutURL(p.c.ClientID, p.c.LogoutRedirectURI, p.c.Federated)
	}
	request, err := p.provider.LogoutRequest(context.Background(), p.endSessionOf(logoutHint{}, p.newLogoutState("")))
	if err != nil {
		return ""
	}
	return request.URL
}

// sendTo fills in where the browser must go to end the session that hint names, if it
// does. state comes back with the browser.
func (p *Passport) sendTo(ctx context.Context, l *Logout, hint logoutHint, state Secret) {
	l.State = state
	if !p.c.Discover {
		l.URL = p.logoutURL
		if p.c.LogoutRedirectURI != "" {
			l.URL += state.Reveal() // returnTo is the last parameter, and the state the last of its own
		}
		return
	}
	request, err := p.provider.LogoutRequest(ctx, p.endSessionOf(hint, state))
	if err != nil {
		// There is no URL to visit, and the provider's session goes on.
		l.Mode, l.URL, l.Passport = LogoutRedirect, cmp.Or(p.c.LogoutRedirectURI, p.ownOrigin()+p.c.HomePath), OutcomeUnconfirmed
		return
	}
	l.URL = request.URL
	if request.Form == nil {
		return
	}
	if posted, err := p.storePost(ctx, state, request.Form); err == nil {
		l.URL, l.posted = posted, request.Endpoint
	}
}

// endSessionOf ends the provider's session that hint names.
func (p *Passport) endSessionOf(hint logoutHint, state Secret) provider.EndSession {
	return provider.EndSession{
		IDTokenHint: hint.IDToken.Reveal(),
		LogoutHint:  hint.SID,
		RedirectURI: p.c.LogoutRedirectURI,
		UILocales:   p.c.UILocales,
		State:       p.returnState(state).Reveal(),
	}
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

// PostedLogout returns a logout request that could not be in [Logout.URL], which then
// leads to RedirectURI with the parameter logout: it is too long for a URL, because
// of the user's ID token, or the provider could not be reached when it was needed.
// The browser b has to post the form to the address or, if form is nil, to visit the
// address. Only the browser that logged out can fetch it: once, within five minutes;
// as often as it likes at the URL of [Passport.UnfinishedLogout], until the logout is
// finished. ErrNoLogout: there is none, or it was already fetched. Other errors: the
// provider or the Store could not be reached. It is needed only with Config.Discover.
//
// [Passport.LoginCallback] calls it.
func (p *Passport) PostedLogout(ctx context.Context, b BrowserState, query url.Values) (address string, form url.Values, err error) {
	id := Secret(query.Get(logoutstate.PostedParam))
	if !records.Plausible(id.Reveal()) || b.Logout == "" {
		return "", nil, ErrNoLogout
	}
	if id == p.finishID(b.Logout) {
		if b.LogoutFinished {
			return "", nil, ErrNoLogout
		}
		return p.finishRequest(ctx, b.Logout)
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

// ownOrigin is this site's, for absolute URLs.
func (p *Passport) ownOrigin() string {
	u, err := url.Parse(p.c.RedirectURI)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
