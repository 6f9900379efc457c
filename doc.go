// Package passport signs users in to Immutable Passport, and above all out of
// it: an OpenID Connect provider at auth.immutable.com.
//
// # Two sessions
//
// A Passport user has two sessions. The app session is yours: the tokens, kept
// in a [storage.TokenStore] under a random id that the browser has in a cookie,
// and nothing else. The Passport session is a cookie of the auth domain in the
// user's browser. A logout has to end both, and only the browser can end the
// second, by visiting the auth domain's logout URL. This package ends the first,
// has the refresh token revoked, and makes the browser do the rest, in one of
// two modes:
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
//	mux.HandleFunc("GET /", home) // passport.SessionFrom(r.Context())
//	http.ListenAndServe("localhost:3000", p.Handler(mux))
//
// In a handler, [SessionFrom] returns the user's [Session], or nil. Its tokens
// are decrypted, and refreshed, when they are asked for; [Session.Client] makes
// calls to Immutable's API with them. [Passport.RequireLogin] sends those who are
// not signed in to the login.
//
// A page signs the user out by a form that posts to /logout, by passport.js
// (passport.logout(), or <form data-passport-logout>), or by a fetch of its own;
// [Passport.Logout] answers each in kind.
//
// # Verbs
//
// The handlers only translate. What they promise is kept by verbs, which are free of
// HTTP types: for other frameworks, for handlers of your own, and for programs that
// are not servers. What a browser brings along and has to keep is a [BrowserState];
// the verbs take it and return it.
//
//	Login                  [Passport.BeginLogin]
//	LoginCallback          [Passport.FinishLogin], [Passport.PostedLogout]
//	Handler                [Passport.Session], [Passport.CheckLogoutReturn]
//	Logout                 [Passport.EndBrowserSession]
//	LogoutSilentCallback   [Passport.CheckLogoutReturn], [Passport.UnfinishedLogout]
//	BackChannelLogout      [Passport.EndByLogoutToken]
//
// A handler of your own on net/http, such as a login callback that creates your
// user, reads and writes the same cookies as the handlers of this package, with
// [Passport.BrowserState] and [Passport.SetBrowserState], so that both can be mixed.
//
// Some verbs have no handler. [Passport.EndSession] and [Passport.EndSessions] end
// sessions by their ID or by their user, wherever the browsers are.
// [Passport.BeginDeviceLogin] and [Passport.FinishDeviceLogin] sign in by a code
// where there is no browser. Package native does all of that for desktop programs,
// and package browser for programs that are compiled to WebAssembly.
//
// # Logins and logouts that overtake each other
//
// A login never undoes a logout of its browser that came after it was begun,
// whichever tab or instance it was in: it ends with [ErrNoLogin]. A login is good for
// one use, by one code.
//
// # What a logout says
//
// A [Logout] says what became of each layer. The app session is gone at once, whatever
// the network does. A revocation that fails is kept, sealed, and tried again
// until it is done. The Passport session is reported as [OutcomeUnconfirmed] unless it
// is known to have ended: browsers that block third-party cookies make a silent
// logout look like a success that it is not. The next login from that browser then
// asks for credentials (prompt=login and max_age), and [Passport.UnfinishedLogout] has
// the URL with which the user can finish it.
//
// Whether the provider has asked is read from the ID token's auth_time. If that lies
// before the logout, the login is refused ([ErrNotReauthenticated]), for it would sign
// straight back in whoever sits there now. If the token does not say, the user is let
// in, the logout stays unfinished, and the app is told (LoginResult.Reauthentication,
// [EventLoginUnconfirmed]).
//
// # Logged out from elsewhere
//
// A provider that knows of a logout first tells the app so at
// [Passport.BackChannelLogout] or [Passport.FrontChannelLogout]. Requests that
// live long, such as server-sent events, watch [Session.Done].
//
// # Stores
//
// The default store is in memory, bounded, and gone after a restart. Those beside
// it, below storage, keep sessions in a bbolt database, Redis or PostgreSQL; and
// one user's in a file or the system's keyring. What goes there is sealed with
// Config.EncryptionKeys and bound to its place, and the id in it is a hash. There
// is no store that keeps the session in the cookie itself, on purpose: a copied
// one outlives its logout.
//
// # Tests
//
// Package passporttest stands in for the auth domain.
package passport

import _ "github.com/passport-go/passport/storage" // for the links above
