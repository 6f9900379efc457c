// Package browser signs users in and out of Go programs that run in the browser
// (GOOS=js GOARCH=wasm), such as games. It navigates the page to the auth domain,
// and ends the Passport session by a redirect or in a hidden iframe. It compiles on
// every platform; on platforms other than js/wasm, [New] returns an error.
//
//	p, err := browser.New(browser.Config{
//		ClientID:          "...",
//		RedirectURI:       "https://game.example/redirect",
//		LogoutRedirectURI: "https://game.example/logout",
//		LogoutMode:        passport.LogoutSilent,
//	})
//	...
//	session, err := p.Session(ctx) // of an earlier visit
//	if errors.Is(err, passport.ErrNoSession) {
//		err = p.Login(ctx, passport.LoginOptions{}) // leaves the page
//	}
//
// and on the page that the browser comes back to, at RedirectURI:
//
//	session, returnTo, err := p.LoginCallback(ctx)
//
// # The callback page
//
// Use a separate page as the LogoutRedirectURI of a silent logout: the browser
// loads it into the hidden iframe, and a page that loads a Go program takes ten
// times as long. A Go server serves [passport.Passport.LogoutSilentCallback]; a
// static site, a page with the script examples/wasm/static/logout.js.
// [LogoutSilentCallback] is for sites that can have neither.
//
// # Portals
//
// A game that is embedded in another site's page, for example in a portal such as
// itch.io, may not show the auth domain's pages in its frame. Login then returns
// ErrEmbedded, and [Passport.LoginPopup] signs the user in in a separate window. No
// method navigates the frame.
//
// Browsers give an embedded page separate storage for each embedding site: a user
// who has signed in on the game's own page is not signed in in the portal, and vice
// versa, and a logout affects only one of them. Frames there do not get the auth
// domain's cookie, so a silent logout is always unconfirmed; [Passport.LogoutPopup]
// ends the Passport session reliably. For a silent logout, the callback page's
// frame-ancestors must also name the portal: see the embedders of
// passport.Passport.LogoutSilentCallback.
//
// The window closes itself as soon as its page calls LoginCallback. For speed, the
// page at RedirectURI can hand the login over before it loads the program; see
// examples/wasm/static/start.js.
//
// If the page that opened the window is reloaded or left meanwhile, the login is
// finished in the window, and [Passport.AwaitSession] tells the reloaded page. An
// embedded page does not learn of it, because of its separate storage: LoginCallback
// then returns an error that says to sign in again in the game.
//
// # Cross-origin isolated pages
//
// A page with threads is served with Cross-Origin-Opener-Policy: same-origin and
// Cross-Origin-Embedder-Policy: require-corp (or credentialless). Such a page
// cannot show the auth domain in an iframe or communicate with a popup. A silent
// logout fails with ErrIsolated or, with passport.FallbackRedirect, goes straight
// to the auth domain; Login works as usual. If the game must not be left, let users
// sign in and out on a page without these headers.
//
// # Offline
//
// If the auth domain cannot be reached, no method leaves the page for it: Login and
// Logout return ErrOffline. The logout still ends the session; the revocation and,
// in silent mode, the end of the Passport session follow when the network is back.
// The connect-src of a Content-Security-Policy must include the auth domain.
//
// # One session with the JavaScript SDK
//
// Package storage/localstorage keeps the session where Immutable's JavaScript SDK
// keeps its own, and in its format. So the program and pages with that SDK on the
// same origin share a session: a login or logout in one applies to both. For this,
// Config.AuthDomain must equal the authenticationDomain of those pages exactly.
//
// As with that SDK, every script of the origin can read the tokens. Refresh tokens
// that are yet to be revoked are sealed, but their key is stored beside them,
// because a browser has no better place; this does not protect them from such a
// script.
//
// That SDK does not notice a logout here, and a response that it is waiting for can
// write the session back. An open page with a Passport then ends it again at once;
// otherwise [New] does, before it returns.
//
// # Tabs
//
// All tabs share the session. Tabs that need a fresh access token at the same time
// share one refresh: the tab that makes it leaves a mark in the session's record for as
// long as it takes, as an instance of a server does. A logout in one tab closes
// [passport.Session.Done] in the others, and a login in one ends [Passport.AwaitSession]
// there. A login that started in one tab may finish in another, for example through a
// link in a mail. After a logout in any tab, no earlier refresh or login brings a session
// back.
//
// # What survives
//
// Logout ends the session before it waits for anything: if the page is left in the
// next moment, the user is signed out, and the next page does the rest. If
// localStorage is full, tokens are kept in IndexedDB, or else in the page, so that
// a refresh does not lose them.
//
// # What a logout can know
//
// A redirect back from the auth domain's logout proves that it has ended the
// Passport session; [New] notices it on the page at LogoutRedirectURI. A hidden
// iframe proves nothing, because browsers may block its third-party cookies, unless
// the page is on the auth domain's own host, or a server with package passport has
// seen the iframe's redirects and confirms it. Otherwise the outcome is
// passport.OutcomeUnconfirmed, [Passport.UnfinishedLogout] has the URL that
// finishes it, and the next login asks for credentials.
//
// # Goroutines
//
// Calls wait for the browser, so do not make them from the goroutine of an event
// handler (js.FuncOf): start another one, as for every blocking call on this
// platform.
package browser
