// Package browser signs users in and out of Go programs that run in the browser
// (GOOS=js GOARCH=wasm), such as games. It is package passport with the page in
// the place of net/http: it goes to the auth domain by itself, and ends the
// Passport session by a redirect or in a hidden iframe. It compiles on every
// platform; on the others [New] returns an error.
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
// LogoutRedirectURI of a silent logout had better be a page of its own: the browser
// loads it into the hidden iframe, and a page that loads a Go program takes ten
// times as long. A server in Go serves [passport.Passport.LogoutSilentCallback]; a
// site of files, a page with the script examples/wasm/static/logout.js; and
// [LogoutSilentCallback] is for a site that can have neither.
//
// # Portals
//
// A game that is embedded in another site's page, as portals such as itch.io do,
// may not show the auth domain's pages in its frame. Login says so, with
// ErrEmbedded, and [Passport.LoginPopup] signs the user in in a window of its own,
// as it does at top level. No method leaves the frame.
//
// Browsers give an embedded page a storage of its own for each site around it: a
// user who has signed in on the game's own page is not signed in in the portal, nor
// the other way round, and a logout is for one of them. The auth domain's cookie is
// kept from frames there, so a silent logout stays unconfirmed, whatever else it
// says; [Passport.LogoutPopup] ends the Passport session for certain. For a silent
// logout, the callback page's frame-ancestors has to name the portal too: see the
// embedders of passport.Passport.LogoutSilentCallback.
//
// The window closes itself as soon as its page calls LoginCallback. To be quick, a
// page at RedirectURI hands over before it loads the program; see
// examples/wasm/static/start.js.
//
// # Cross-origin isolated pages
//
// A page with threads is served with Cross-Origin-Opener-Policy: same-origin and
// Cross-Origin-Embedder-Policy: require-corp (or credentialless). Such a page can
// show the auth domain in no iframe and hear from no popup. Logout notices it, with
// ErrIsolated, and with passport.FallbackRedirect goes straight to the auth domain;
// Login works as ever. A game that cannot be left serves the page on which users
// sign in and out without these headers.
//
// # Offline
//
// Where the auth domain cannot be reached, no method leaves the page for it: Login
// and Logout return ErrOffline. The logout ends the session all the same; the
// revocation and, in silent mode, the Passport session follow when the network is
// back. A Content-Security-Policy must let connect-src name the auth domain.
//
// # One session with the JavaScript SDK
//
// The session is kept by package storage/localstorage, where Immutable's
// JavaScript SDK keeps its own, and in its format. So the program and pages with
// that SDK, on one origin, share a session: whoever signs the user in or out does
// so for both. For that, Config.AuthDomain has to be what those pages have as
// authenticationDomain, to the letter.
//
// The price is that every script of the origin can read the tokens, as it can read
// that SDK's. Refresh tokens that are yet to be revoked are sealed, with a key that
// lies beside them: a browser has no better place, so the seal keeps nothing from
// such a script.
//
// That SDK does not know of a logout here: an answer that it is waiting for can
// write the session back. An open page with a Passport ends it again at once, and
// [New] before it returns.
//
// # Tabs
//
// All tabs share the session. Two that need a fresh access token at once refresh
// it once; a logout in one closes [passport.Session.Done] in the others; a login
// that was begun in one may come back in another, as with a link in a mail; and
// neither a refresh nor a login that was begun before a logout, in whichever tab,
// brings a session back.
//
// # What survives
//
// A logout ends the session as soon as Logout is called, before it waits for
// anything: a page that is left in the next moment has signed the user out, and the
// next page does the rest. Tokens for which localStorage has no room are kept in
// IndexedDB, or else in the page, so that a refresh loses none.
//
// # What a logout can know
//
// A redirect that came back from the auth domain's logout has ended the Passport
// session: [New] notices it, on the page at LogoutRedirectURI. A hidden iframe
// proves nothing, because browsers keep third-party cookies from it, unless the
// page is on the auth domain's own host, or a server with package passport has
// seen the iframe's way and says so. Otherwise the outcome is
// passport.OutcomeUnconfirmed, [Passport.UnfinishedLogout] has the URL that finishes it,
// and the next login asks for credentials.
//
// # Goroutines
//
// Calls wait for the browser, and so must not be made from the goroutine of an
// event handler (js.FuncOf): let it start another one, as for every blocking call
// on this platform.
package browser
