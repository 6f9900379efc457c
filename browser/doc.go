// Package browser signs users in and out of Go programs that run in the browser
// (GOOS=js GOARCH=wasm), such as games. It is package passport with the page in
// the place of net/http: it goes to the auth domain by itself, and ends the
// Passport session by a redirect or in a hidden iframe. It compiles on every
// platform; on the others [New] returns an error.
//
//	p, err := browser.New(passport.Config{
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
// and on the pages that the browser comes back to:
//
//	session, returnTo, err := p.LoginCallback(ctx)              // at RedirectURI
//	err := browser.LogoutSilentCallback("https://game.example") // at LogoutRedirectURI
//
// # One session with the JavaScript SDK
//
// The session is kept by package storage/localstorage, where Immutable's
// JavaScript SDK keeps its own, and in its format. So the program and pages with
// that SDK, on one origin, share a session: whoever signs the user in or out does
// so for both. For that, Config.AuthDomain has to be what those pages have as
// authenticationDomain, to the letter.
//
// The price is that tokens lie in the clear, for every script of the origin to
// read, as that SDK's do. What is owed (refresh tokens that are yet to be
// revoked) is sealed, with a key that lies beside it: a browser has no better
// place, so the seal keeps nothing from such a script.
//
// # Tabs
//
// All tabs share the session. Two that need a fresh access token at once refresh
// it once; a logout in one closes [passport.Session.Done] in the others; and
// what was under way in any of them brings no session back.
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
