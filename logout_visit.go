package passport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/passport-go/passport/internal/authdomain"
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
// With Config.Discover it does not say whose session to end, unlike
// [Passport.LogoutURLFor] and the URL of [Passport.EndSession], so some providers ask
// the user, and others end nothing. It is empty if the provider has no end-session
// endpoint or its metadata could not be fetched.
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

// planVisit writes into l where the browser must go to end the session that hint names,
// and the state that comes back with it. If the provider says nowhere, it writes that the
// Passport session goes on.
func (p *Passport) planVisit(ctx context.Context, l *Logout, hint logoutHint, state Secret) {
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

// PostedLogout is for a logout request that does not fit into [Logout.URL], because the
// ID token makes it too long, or because the provider could not be reached at the time.
// Logout.URL then leads to RedirectURI with the parameter logout. A callback handler of
// your own that sees this parameter calls PostedLogout instead of FinishLogin: if form
// is nil, redirect the browser to the address; otherwise serve a page that posts the
// form there. It is needed only with Config.Discover.
//
// Only the browser that logged out can fetch the request: once, within five minutes or,
// at the URL of [Passport.UnfinishedLogout], as often as it likes until the logout is
// finished. ErrNoLogout: there is none, or it was already fetched. Other errors: the
// provider or the Store could not be reached.
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
func (p *Passport) hintOf(rec *storage.Record) logoutHint {
	if !p.c.Discover {
		return logoutHint{}
	}
	hint := logoutHint{SID: rec.SID}
	if t, err := openTokens(p.records, *rec); err == nil && !p.c.OmitIDTokenHint {
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

// keepLogoutState returns the state of a logout of the browser b, whose session was removed
// if there was one, and the hint that goes with it, which is kept in place of the hint of
// b's last logout. A browser that was not signed in may log out once more, to finish the
// same logout.
func (p *Passport) keepLogoutState(ctx context.Context, b *BrowserState, l *Logout, removed *storage.Record) (Secret, logoutHint) {
	if !l.App.gone() && b.lastLogout().Unfinished() {
		return b.Logout, p.keptHint(ctx, b.Logout)
	}
	state, hint := p.newLogoutState(removed.SID), p.hintOf(removed)
	p.keepHint(ctx, state, hint)
	p.dropHint(ctx, b)
	return state, hint
}

// dropHint forgets the hint of a browser's last logout, which is finished or has been
// replaced.
func (p *Passport) dropHint(ctx context.Context, b *BrowserState) {
	if !p.c.Discover || !b.lastLogout().Unfinished() {
		return
	}
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	if err := p.records.Drop(call, p.hintRecord(b.Logout).ID); err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the hint of a logout is kept until it expires", "error", err)
	}
}

// LogoutURLFor is [Passport.LogoutURL] for the browser b: with Config.Discover it says
// which session to end at the provider, which it knows from the browser's session or its
// unfinished logout. It ends nothing, and does not count as use of the session; for a
// signed-in user prefer EndBrowserSession, which also ends the app session. Give the URL
// to that browser only, because it may contain the user's ID token. It is empty where
// LogoutURL is.
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
			return p.hintOf(&rec), p.newLogoutState(rec.SID)
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

// The state of a logout is what the browser keeps until the Passport session is
// known to have ended (see package logoutstate), and what it brings back from the
// auth domain: as state from a discovered provider, and in a parameter of returnTo,
// whose query /v2/logout does not compare, from the Passport auth domain. So a
// visit to LogoutRedirectURI by any other way proves nothing.

// kindLogoutSession is what a sid is known by in the state of a logout.
const kindLogoutSession = "logout-session"

// kindLogoutReturn is what the state parameter is derived with.
const kindLogoutReturn = "logout-return"

// newLogoutState returns the state of a logout from the Passport session sid,
// which may be unknown.
func (p *Passport) newLogoutState(sid string) Secret {
	if sid == "" {
		return Secret(logoutstate.New("", p.c.Now()))
	}
	session := p.records.IDBytes(kindLogoutSession, sid)
	return Secret(logoutstate.New(string(session[:logoutstate.SessionLength]), p.c.Now()))
}

// returnState is the state parameter of a logout at a discovered provider. It is not
// the state itself, under which the logout's hint is kept: it comes back in an address
// that logs and the page's scripts see.
func (p *Passport) returnState(state Secret) Secret {
	return Secret(p.records.ID(kindLogoutReturn, state.Reveal()))
}

// confirmation is where it is noted that a Passport session has ended.
func (p *Passport) confirmation(session Secret) storage.Record {
	return p.records.New(storage.KindLogoutDone, session.Reveal())
}

func (p *Passport) confirmationOf(sid string) storage.Record {
	return p.confirmation(Secret(p.records.ID(kindLogoutSession, sid)[:logoutstate.SessionLength]))
}

// confirm notes that the provider has ended a Passport session, for browsers that
// could not know.
func (p *Passport) confirm(ctx context.Context, sid string) error {
	rec := p.confirmationOf(sid)
	rec.Expiry = p.c.Now().Add(logoutstate.Life)
	return p.records.Note(ctx, rec)
}

// unconfirm takes it back when a Passport session turns out to be alive, for
// there are providers that use a sid again.
func (p *Passport) unconfirm(ctx context.Context, sid string) error {
	if sid == "" {
		return nil
	}
	return p.records.Drop(ctx, p.confirmationOf(sid).ID)
}

// logoutUnfinished reports whether this browser has a logout behind it that is not
// known to be complete: a store that does not answer finishes no logout, and of a
// discovered provider only the next login shows whether its session has ended.
func (p *Passport) logoutUnfinished(ctx context.Context, b BrowserState) bool {
	return b.lastLogout().Unfinished() && (p.c.Discover || !p.confirmed(ctx, b))
}

// confirmed reports whether a logout token came for the session of the browser's last
// logout. A discovered provider may have asked the user, who may have declined, and
// sends one even so: for this client the session has ended.
func (p *Passport) confirmed(ctx context.Context, b BrowserState) bool {
	session := logoutstate.Session(b.Logout.Reveal())
	if session == "" {
		return false
	}
	_, err := p.records.Load(ctx, p.confirmation(Secret(session)).ID)
	return err == nil
}

// LogoutReturn is a request to LogoutRedirectURI, for [Passport.CheckLogoutReturn].
type LogoutReturn struct {
	// Query is the query of the request.
	Query url.Values

	// Way is how the browser came there.
	Way ReturnWay
}

// ReturnWay is how a browser came to LogoutRedirectURI, by the Fetch Metadata of the
// request (W3C Fetch Metadata §2). It shows whether the auth domain received the
// browser's cookie. A program without net/http derives it from the headers
// Sec-Fetch-Mode, Sec-Fetch-Dest and Sec-Fetch-Site, as below; ReturnUnknown is always
// safe, and leaves the logout unconfirmed.
type ReturnWay string

// The ways.
const (
	// ReturnUnknown proves nothing. It is every request that none of the others
	// describes: one that was not redirected, that is not a navigation (Sec-Fetch-Mode),
	// or whose browser sends no Fetch Metadata.
	ReturnUnknown ReturnWay = ""

	// ReturnTopLevel is a redirect at top level, which always carries the cookies: mode
	// navigate, dest document, site cross-site or same-site.
	ReturnTopLevel ReturnWay = "top-level"

	// ReturnFramed is an iframe that was, or may have been, redirected across sites:
	// mode navigate, dest iframe, any other site. Its cookies may have been blocked, so it
	// proves nothing.
	ReturnFramed ReturnWay = "framed"

	// ReturnSameSite is an iframe whose redirects all stayed on one site: mode navigate,
	// dest iframe, site same-site.
	ReturnSameSite ReturnWay = "same-site"
)

// CheckLogoutReturn reports what a request to LogoutRedirectURI proves about the
// browser's last logout:
//
//   - OutcomeDone: the browser is back from the Passport auth domain's logout,
//     which has ended its session. The returned BrowserState marks the logout as
//     finished.
//   - OutcomeUnconfirmed: it is back, but that proves nothing. A hidden iframe's
//     cookies may have been blocked; a discovered provider may have asked the user,
//     who may have declined.
//   - OutcomePending: it is not the return from that logout.
//
// [Passport.Handler] and [Passport.LogoutSilentCallback] call it.
func (p *Passport) CheckLogoutReturn(ctx context.Context, b BrowserState, r LogoutReturn) (Outcome, BrowserState) {
	name, want := authdomain.ReturnParam, b.Logout
	if p.c.Discover {
		name, want = "state", p.returnState(b.Logout)
	}
	if b.Logout == "" || Secret(r.Query.Get(name)) != want {
		return OutcomePending, b
	}
	switch {
	case r.Way == ReturnUnknown:
		return OutcomeUnconfirmed, b
	case p.c.Discover:
		p.emit(Event{Name: EventPassportReturned, Context: ctx})
		return OutcomeUnconfirmed, b
	case r.Way == ReturnFramed:
		return OutcomeUnconfirmed, b
	}
	if !b.LogoutFinished {
		p.emit(Event{Name: EventPassportDone, Context: ctx})
	}
	return OutcomeDone, b.finished()
}

// Format prints nothing of the request, whatever the verb.
func (r LogoutReturn) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.LogoutReturn")
}

// MarshalText is Format for JSON and the like.
func (r LogoutReturn) MarshalText() ([]byte, error) { return fmt.Append(nil, r), nil }
