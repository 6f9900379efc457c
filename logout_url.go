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

// A discovered provider has to be told whose session is to end: without a hint, some
// answer with an empty page or an error. The session's record, which has the hint, is
// gone after the logout. So the hint is kept for as long as the logout may have to be
// finished: sealed, under the state that only the browser of that logout has, until a
// login shows that the logout is finished, another logout takes its place, or the
// browser forgets it.

// logoutHint says whose session a provider is to end (RP-Initiated Logout 1.0 §2).
type logoutHint struct {
	IDToken Secret
	SID     string
}

// storedHint is a logoutHint in the store.
type storedHint struct {
	IDToken string `json:"id_token,omitempty"`
	SID     string `json:"sid,omitempty"`
}

// hintOf is the hint for the provider's session of an app session, which may be the
// zero Record. The Passport auth domain takes none.
func (p *Passport) hintOf(rec storage.Record) logoutHint {
	if !p.c.Discover {
		return logoutHint{}
	}
	hint := logoutHint{SID: rec.SID}
	if t, err := openTokens(p.records, rec); err == nil && !p.c.OmitIDTokenHint {
		hint.IDToken = t.IDToken
	}
	return hint
}

func (p *Passport) hintRecord(state Secret) storage.Record {
	return p.records.New(storage.KindLogoutHint, state.Reveal())
}

// keepHint keeps a hint under a logout's state. That it cannot be kept is no reason
// for the logout to fail.
func (p *Passport) keepHint(ctx context.Context, state Secret, hint logoutHint) {
	if !p.c.Discover || hint == (logoutHint{}) {
		return
	}
	body, err := json.Marshal(storedHint{hint.IDToken.Reveal(), hint.SID})
	if err == nil {
		call, cancel := p.records.Bound(ctx)
		defer cancel()
		rec := p.hintRecord(state)
		rec.Expiry = p.c.Now().Add(logoutstate.Life)
		_, err = p.records.Put(call, rec, body)
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: a logout that has to be finished later will not name its session to the provider", "error", err)
	}
}

// keptHint is the hint of the logout with a state, or the zero logoutHint.
func (p *Passport) keptHint(ctx context.Context, state Secret) logoutHint {
	if !p.c.Discover || state == "" {
		return logoutHint{}
	}
	var stored storedHint
	rec, err := p.records.Load(ctx, p.hintRecord(state).ID)
	if err != nil {
		return logoutHint{}
	}
	body, err := p.records.Open(rec)
	if err != nil || json.Unmarshal(body, &stored) != nil {
		return logoutHint{}
	}
	return logoutHint{Secret(stored.IDToken), stored.SID}
}

// dropHint forgets the hint of a browser's last logout, which is finished or has been
// replaced.
func (p *Passport) dropHint(ctx context.Context, b BrowserState) {
	if !p.c.Discover || !b.lastLogout().Unfinished() {
		return
	}
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	if err := p.records.Drop(call, p.hintRecord(b.Logout).ID); err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the hint of a logout is kept until it expires", "error", err)
	}
}

// LogoutURLFor is [Passport.LogoutURL] for the browser b: with Config.Discover it
// names the provider's session of the browser's session, or of its unfinished logout.
// It ends nothing and counts as no use of the session; with a session, prefer
// EndBrowserSession, which ends that too. It is for that browser only, since it may
// carry the user's ID token, and is empty if there is no such address, as LogoutURL is.
func (p *Passport) LogoutURLFor(ctx context.Context, b BrowserState) string {
	if !p.c.Discover {
		return p.LogoutURL()
	}
	hint, state := p.hintFor(ctx, b)
	request, err := p.provider.LogoutRequest(ctx, p.endSessionOf(hint, state))
	if err != nil {
		return ""
	}
	return request.URL
}

// hintFor is the hint for a browser that may be signed in, or have an unfinished
// logout, with the state to come back with.
func (p *Passport) hintFor(ctx context.Context, b BrowserState) (logoutHint, Secret) {
	if records.Plausible(b.Session.Reveal()) {
		id := p.records.SessionID(b.Session.Reveal())
		if rec, err := p.records.Load(ctx, id); err == nil {
			return p.hintOf(rec), p.newLogoutState(rec.SID)
		}
	}
	if b.lastLogout().Unfinished() {
		return p.keptHint(ctx, b.Logout), b.Logout
	}
	return logoutHint{}, p.newLogoutState("")
}

// The address that finishes a logout is the provider's. Where there is none to be
// had, because its metadata cannot be fetched now or the request is too long for a
// URL, it is one at RedirectURI that finds out when the browser comes.

const kindFinishLogout = "finish-logout"

// finishID is what that address names a logout by. It is good for the browser that
// keeps the logout's state, and for nobody else.
func (p *Passport) finishID(state Secret) Secret {
	return Secret(p.records.ID(kindFinishLogout, state.Reveal()))
}

// finishURL is the address that finishes a logout, or "" if the provider has no
// end-session endpoint.
func (p *Passport) finishURL(ctx context.Context, state Secret) string {
	request, err := p.provider.LogoutRequest(ctx, p.endSessionOf(p.keptHint(ctx, state), state))
	switch {
	case errors.Is(err, provider.ErrNoEndSession):
		return ""
	case err != nil || request.Form != nil:
		return provider.WithQuery(p.c.RedirectURI, url.Values{logoutstate.PostedParam: {p.finishID(state).Reveal()}})
	}
	return request.URL
}

// finishRequest is what a browser at that address is to do: visit the address that is
// returned or, if there is a form, post it there.
func (p *Passport) finishRequest(ctx context.Context, state Secret) (string, url.Values, error) {
	request, err := p.provider.LogoutRequest(ctx, p.endSessionOf(p.keptHint(ctx, state), state))
	if err != nil {
		return "", nil, err
	}
	if request.Form != nil {
		return request.Endpoint, request.Form, nil
	}
	return request.URL, nil, nil
}
