// Package passport signs users in to and, above all, out of Immutable Passport, an
// OpenID Connect provider at auth.immutable.com.
//
// # Two sessions
//
// A Passport user has two sessions. The app session is yours: the tokens, kept in a
// [storage.TokenStore] under a random id. The browser holds only this id, in a
// cookie. The Passport session is a cookie of the auth domain in the user's
// browser. A logout has to end both, and only the browser can end the second, by
// visiting the auth domain's logout URL. This package ends the first, revokes the
// refresh token, and has the browser do the rest, in one of two modes:
//
//   - [LogoutRedirect], the default: the browser goes to the auth domain and
//     comes back to Config.LogoutRedirectURI.
//   - [LogoutSilent]: a hidden iframe goes there instead, and the page at
//     Config.LogoutRedirectURI, which [Passport.LogoutSilentCallback] serves,
//     tells the page around it.
//
// # A web program
//
//	p, err := passport.New(passport.Config{
//		ClientID:          os.Getenv("PASSPORT_CLIENT_ID"),
//		RedirectURI:       "http://localhost:3000/redirect",
//		LogoutRedirectURI: "http://localhost:3000/silent-logout",
//		LogoutMode:        passport.LogoutSilent,
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /login", p.Login)
//	mux.HandleFunc("GET /redirect", p.LoginCallback)
//	mux.HandleFunc("POST /logout", p.Logout)
//	mux.Handle("GET /silent-logout", p.LogoutSilentCallback("http://localhost:3000"))
//	mux.Handle("GET /passport.js", p.Script())
//	mux.HandleFunc("GET /{$}", home) // passport.SessionFrom(r.Context())
//	log.Fatal(http.ListenAndServe("localhost:3000", p.Handler(mux)))
//
// In a handler, [SessionFrom] returns the user's [Session], or nil. Its tokens are
// decrypted, and refreshed, when they are needed; [Session.Client] calls
// Immutable's API with them. [Passport.RequireLogin] sends users who are not signed
// in to the login.
//
// A page signs the user out with a form that posts to /logout, with passport.js
// (passport.logout(), or <form data-passport-logout>), or with its own fetch;
// [Passport.Logout] answers each in the matching form.
//
// # Verbs
//
// The handlers only translate HTTP. The work is done by methods without HTTP types,
// for other frameworks, for your own handlers, and for programs that are not
// servers. They take and return a [BrowserState]: what a browser sends and has to
// keep.
//
//	Login                  [Passport.BeginLogin]
//	LoginCallback          [Passport.FinishLogin], [Passport.PostedLogout]
//	Handler                [Passport.Session], [Passport.CheckLogoutReturn]
//	Logout                 [Passport.EndBrowserSession]
//	LogoutSilentCallback   [Passport.CheckLogoutReturn], [Passport.UnfinishedLogout]
//	BackChannelLogout      [Passport.EndByLogoutToken]
//	RequireBearer          [Passport.VerifyAuthorization], [Passport.VerifyBearer]
//	BearerLogout           [Passport.EndBearer]
//	Readiness              [Passport.CheckHealth]
//
// The handlers also refuse requests that other sites make. The methods cannot see where
// a request comes from: a program that calls [Passport.EndBrowserSession] accepts only a
// POST from its own pages, as http.CrossOriginProtection does.
//
// Your own net/http handlers, such as a login callback that creates your user, can
// read and write the same cookies with [Passport.BrowserState] and
// [Passport.SetBrowserState], so you can combine both kinds.
//
// Some methods have no handler. [Passport.EndSession] and [Passport.EndSessions]
// end sessions by their ID or their user, wherever the browsers are.
// [Passport.BeginDeviceLogin] and [Passport.FinishDeviceLogin] sign users in with a
// code where there is no browser. Package native does all of this for desktop
// programs, and package browser for programs compiled to WebAssembly.
//
// # Logins and logouts that overtake each other
//
// A login that started before a logout of its browser never completes after it,
// whichever tab or instance the logout was in: it fails with [ErrNoLogin]. Each
// login can be used once, with one code.
//
// # What a logout says
//
// A [Logout] reports the outcome of each layer. The app session ends at once, even
// if the network is down. A failed revocation is stored, sealed, and retried until
// it succeeds. The Passport session is reported as [OutcomeUnconfirmed] unless it
// is known to have ended: in browsers that block third-party cookies, a silent
// logout appears to succeed and does nothing. The next login from that browser then
// asks for credentials (prompt=login and max_age), and [Passport.UnfinishedLogout]
// has the URL with which the user can finish it.
//
// The ID token's auth_time shows whether the provider has asked. If it is earlier
// than the logout, the login is refused ([ErrNotReauthenticated]), because it would
// sign the previous user straight back in. If the token has no auth_time, the user
// is signed in, the logout stays unfinished, and the app is told
// (LoginResult.Reauthentication, [EventLoginUnconfirmed]).
//
// # Logged out from elsewhere
//
// If a user logs out at the provider or in another app, the provider tells the app
// through [Passport.BackChannelLogout] or [Passport.FrontChannelLogout]. Long-lived
// requests, such as server-sent events, should watch [Session.Done].
//
// # APIs
//
// Pages with the JavaScript SDK keep their tokens and send them to an API as bearer
// tokens. With Config.BearerTokens, [Passport.RequireBearer] accepts such a token until
// it expires or its user signs out. A program that only verifies tokens needs no
// RedirectURI. See docs/apis.md.
//
// # Stores
//
// The default store is in memory: it is bounded, and empty after a restart. The
// other packages below storage keep sessions in a bbolt database, Redis or
// PostgreSQL, and a single user's in a file or the system's keyring. Records are
// sealed with Config.EncryptionKeys and bound to their place, and their ID is a
// hash. No store keeps the session in the cookie itself, on purpose: a copied
// cookie would outlive its logout.
//
// # Tests
//
// Package passporttest is a stand-in for the auth domain.
//
// # Guides
//
// The folder docs of the repository has a page for each task, from signing in to
// deploying, and docs/troubleshooting.md explains each error and event.
package passport

import _ "github.com/passport-go/passport/storage" // for the links above
