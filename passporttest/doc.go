// Package passporttest is a stand-in for the auth domain of Immutable
// Passport, for tests and examples: an OpenID provider that behaves like Auth0,
// lets tests inspect its state, and fails on request.
//
// Never use it in production: it has no passwords. Anybody who can reach it can sign
// in as any user, and a program that trusts it lets them in. [NewServer] says so in
// the log, and the login page tells the user.
//
// # A test
//
// Start it, point the program under test at it, and act as the user:
//
//	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
//	defer auth.Close()
//	app := httptest.NewServer(program(auth.URL, passporttest.ClientID))
//	defer app.Close()
//
//	browser := auth.Browser()               // keeps cookies, follows redirects
//	browser.Get(app.URL + "/login")         // to the auth domain and back
//	browser.PostForm(app.URL+"/logout", nil)
//
//	auth.Sessions()                         // empty: the Passport session is over
//	auth.RefreshTokens(passporttest.Live)   // empty: and nothing can be refreshed
//
// A Passport user has two sessions, and a logout ends both. The app session is
// the program's; the Passport session is a cookie on the auth domain, which only
// the user's browser can end by visiting /v2/logout. To inspect the second, use
// [AuthDomain.Sessions], [AuthDomain.RefreshTokens], [AuthDomain.Logins],
// [AuthDomain.Incidents] and [AuthDomain.Requests]. To wait for what a program does
// in the background, use [AuthDomain.Await] instead of sleeping.
//
// With the zero [Options] there is one public client, [ClientID], which allows any
// redirect and logout URI on a loopback host, and one user, [DefaultUser]. Without
// [Options.AutoLogin] the user chooses on a login page, which needs no script; a test
// without a browser posts the form itself.
//
// # Without a login
//
// For the unit test of a handler, [NewSession] signs a user in without an auth
// domain, a browser or a network:
//
//	user := passporttest.NewSession(t, p, passporttest.DefaultUser())
//	w := httptest.NewRecorder()
//	p.Handler(mux).ServeHTTP(w, user.Request("GET", "/inventory", nil))
//
// For a handler without p.Handler around it, [SignedIn.Context] returns a context in
// which passport.SessionFrom finds the session.
//
// # Time
//
// Back-off, retries and expiry take no time in a bubble of testing/synctest, whose
// clock advances as soon as every goroutine is blocked. Waiting for a socket does not
// count, so reach the auth domain by [AuthDomain.InProcess], and close the Passport
// before the bubble ends:
//
//	synctest.Test(t, func(t *testing.T) {
//		auth := passporttest.New(passporttest.Options{AutoLogin: true, Issuer: "https://auth.example/"})
//		p, err := passport.New(passport.Config{AuthDomain: "https://auth.example", HTTPClient: auth.InProcess(), ...})
//		defer p.Close(t.Context())
//		auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503, Times: 5})
//		...                         // sign in and out
//		time.Sleep(24 * time.Hour)  // at once
//		auth.RefreshTokens(passporttest.Live) // empty
//	})
//
// # What it serves
//
//	/.well-known/openid-configuration   OpenID Connect Discovery 1.0
//	/.well-known/jwks.json              RS256 keys: AuthDomain.RotateKeys
//	/authorize                          code flow; PKCE with S256; state, nonce, prompt, max_age,
//	                                    login_hint, audience, scope
//	/oauth/token                        authorization_code, refresh_token, device_code
//	/oauth/device/code                  RFC 8628; the user enters the code at /activate
//	/oauth/revoke                       RFC 7009
//	/userinfo
//	/v2/logout                          Auth0's own: client_id, returnTo
//	/oidc/logout                        OpenID Connect RP-Initiated Logout 1.0
//
// It is as strict as Auth0. If a code or a rotated refresh token is used again, every
// refresh token of its login is revoked, and there is an [Incident]. A redirect or
// logout URL that is not registered leads to an error page with status 400, and a
// refused grant is a 403. A logout does not end refresh tokens: they are valid until
// they are revoked. /oidc/logout asks the user unless a hint names the session in the
// browser. Other parameters (direct, federated, consent, ...) have no effect, but
// [AuthDomain.Requests] has them.
//
// # Strictness
//
// It refuses what real providers are known to refuse, so that a program that works
// here works there:
//
//   - CORS. Scripts may call the endpoints that return data, with the methods of
//     each, from the origins of the client's RedirectURIs and WebOrigins. A preflight
//     allows the request headers authorization, content-type and auth0-client,
//     whatever was requested; no response header is exposed, and credentials are not
//     allowed. [AuthDomain.Preflights] has what was requested, and why it was refused.
//   - Methods. Each endpoint has its own; others get 405, and unknown paths 404.
//   - Parameters. The endpoints under /oauth take a form, and each parameter once.
//   - Framing. No page may be framed.
//   - Caching. Keys and discovery may be cached for 15 seconds; nothing else may be
//     stored.
//
// It is more lenient than a real provider in these respects:
//
//   - Anybody can sign in as any user, without a password, a consent page, or MFA.
//   - The zero Options allow every redirect URI, logout URL and origin on a
//     loopback host, and plain http. Register them, as with a real provider, in
//     [Options.Clients].
//   - Over http the cookie auth0_compat is not Secure.
//   - There are no rate limits, and responses are immediate.
//   - Error responses have CORS headers, also those of injected faults: see
//     [Fault.NoCORS].
//   - A browser caches a preflight only for its default of 5 seconds, so that tests
//     see each.
//   - The page with front-channel iframes may be framed, so that a silent logout
//     can pass through it.
//   - Users, scopes, audiences and parameters that Auth0 would refuse are accepted:
//     every scope and audience is granted.
//   - RotateKeys signs with a new key at once; a real provider publishes a key some
//     time before it uses it.
//   - A code is valid for ten minutes, clocks agree, and replicas cannot disagree,
//     because there is only one.
//
// # Faults
//
// [AuthDomain.Inject] makes requests fail, hang, disconnect or return wrong results:
//
//	auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503, RetryAfter: time.Second, Times: 2})
//	auth.Inject(passporttest.Fault{Path: "/v2/logout", KeepSession: true})
//	lift := auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Late: true})
//
// The last one is a refresh whose response is lost: the token has been rotated, but
// the program does not know the new one.
//
// # Logouts that begin at the auth domain
//
// When a session ends, by a logout elsewhere or by [AuthDomain.EndSession], each client
// with a BackChannelLogoutURI that obtained tokens in it gets a logout token.
// [AuthDomain.SignLogoutToken] and [AuthDomain.SendLogoutToken] make and send any
// other, and [AuthDomain.InvalidLogoutTokens] has one for each rule that a receiver
// must check. When a browser logs out, an iframe visits each FrontChannelLogoutURI;
// [AuthDomain.FrontChannelLogoutURL] and [AuthDomain.InvalidFrontChannelLogoutURLs]
// are for tests without a browser.
//
// # Browsers and cookies
//
// The Passport session's secret is in two cookies, as at Auth0: auth0 (Secure,
// HttpOnly, SameSite=None) and auth0_compat (without SameSite). Over https both
// are Secure. Over plain http auth0_compat is not: browsers keep Secure cookies
// of http://localhost and the names below it, but net/http/cookiejar does not
// send them, so a test without a browser relies on auth0_compat.
//
// For tests in a real browser, put the two sides on different sites: [Options.Host]
// "auth.localhost" for the auth domain, and "app.localhost" for the program. Then the
// auth domain's cookies in an iframe are third-party cookies, which the browser sends
// or blocks as in production. [Server.Client] resolves such names without DNS.
package passporttest
