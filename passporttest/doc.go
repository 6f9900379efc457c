// Package passporttest is a stand-in for the auth domain of Immutable
// Passport, for tests and examples: an OpenID provider that behaves like Auth0,
// shows what goes on inside it, and fails when told to.
//
// It is never for production: it has no passwords. Whoever reaches it signs in as
// any user they like, and a program that trusts it lets them in. [NewServer] says
// so in the log, and the login page says so to the user.
//
// # A test
//
// Start it, point the program under test at it, and be the user:
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
// the user's browser can end by going to /v2/logout. What a test wants to know
// about the second is what [AuthDomain.Sessions], [AuthDomain.RefreshTokens],
// [AuthDomain.Logins], [AuthDomain.Incidents] and [AuthDomain.Requests] tell.
// For what a program does in the background there is [AuthDomain.Await], which
// waits for a request instead of sleeping.
//
// With the zero [Options] there is one public client, [ClientID], whose redirect
// and logout URIs may be anything on a loopback host, and one user,
// [DefaultUser]. Without [Options.AutoLogin] the user chooses on a login page,
// which needs no script; a test without a browser posts the form itself.
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
// [SignedIn.Context] is for a handler without p.Handler around it: it is a context
// in which passport.SessionFrom finds the session.
//
// # Time
//
// Back-off, retries and expiry take no time in a bubble of testing/synctest, whose
// clock goes on as soon as everything waits. A socket does not count as waiting,
// so reach the auth domain by [AuthDomain.InProcess], and close the Passport before
// the bubble ends:
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
// It is strict where Auth0 is. A code or a rotated refresh token that is used
// again kills every refresh token of its login and is an [Incident]. A redirect
// or logout URL that is not registered ends on an error page with status 400,
// and a refused grant is a 403. A logout leaves refresh tokens alone: they live
// until they are revoked. /oidc/logout asks the user unless a hint names the
// session in the browser. What is sent beyond that (direct, federated, consent,
// ...) changes nothing and is found in [AuthDomain.Requests].
//
// # Strictness
//
// What real providers are known to refuse is refused here, so that a program
// that works here works there:
//
//   - CORS. Scripts may call the endpoints that answer with data, by the methods
//     of each, from the origins of the client's RedirectURIs and WebOrigins. A
//     preflight allows the request headers authorization, content-type and
//     auth0-client, whatever was asked for; no response header is exposed and no
//     cookies are taken. [AuthDomain.Preflights] has what was asked, and why it
//     was refused.
//   - Methods. An endpoint has its own; others get 405, and other paths 404.
//   - Parameters. The endpoints under /oauth take a form, and each parameter once.
//   - Framing. No page may be framed.
//   - Caching. Keys and discovery may be kept for 15 seconds, in which a browser
//     does not ask again; nothing else may be stored.
//
// It is still kinder than a real provider in these points:
//
//   - Anybody signs in as any user, without a password, a consent page, or MFA.
//   - The zero Options allow every redirect URI, logout URL and origin on a
//     loopback host, and plain http. Register them, as at a real provider, with
//     [Options.Clients].
//   - Over http the cookie auth0_compat is not Secure.
//   - There are no rate limits, and answers come at once.
//   - Answers with an error carry CORS headers, those of injected faults too: see
//     [Fault.NoCORS].
//   - A preflight is not cached by the browser for longer than its default of 5
//     seconds, so that tests see each.
//   - The page with front-channel iframes may be framed, so that a silent logout
//     can pass through it.
//   - Users, scopes, audiences and parameters that Auth0 would refuse are taken:
//     every scope and audience is granted.
//   - RotateKeys signs with a key that nobody has seen; a real provider publishes
//     a key some time before.
//   - A code lives for ten minutes, clocks agree, and nothing is inconsistent
//     between replicas, for there is one.
//
// # Faults
//
// [AuthDomain.Inject] makes requests fail, hang, break off or lie:
//
//	auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503, RetryAfter: time.Second, Times: 2})
//	auth.Inject(passporttest.Fault{Path: "/v2/logout", KeepSession: true})
//	lift := auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Late: true})
//
// The last one is a refresh whose answer is lost: the token was rotated, and
// the program does not know.
//
// # Logout that comes from the auth domain
//
// A client with a BackChannelLogoutURI is sent a logout token when a session
// ends in which it obtained tokens, be it by a logout elsewhere or by
// [AuthDomain.EndSession]. [AuthDomain.SignLogoutToken] and
// [AuthDomain.SendLogoutToken] make and send any other, and
// [AuthDomain.InvalidLogoutTokens] has one for each rule that a receiver must
// check. A client with a FrontChannelLogoutURI is visited by an iframe when a
// browser logs out; [AuthDomain.FrontChannelLogoutURL] and
// [AuthDomain.InvalidFrontChannelLogoutURLs] are for tests without one.
//
// # Browsers and cookies
//
// The Passport session's secret is in two cookies, as at Auth0: auth0 (Secure,
// HttpOnly, SameSite=None) and auth0_compat (without SameSite). Over https both
// are Secure. Over plain http auth0_compat is not: browsers keep Secure cookies
// of http://localhost and the names below it, but net/http/cookiejar does not
// send them, so that a test without a browser goes by auth0_compat.
//
// For what only a real browser does, give the two sides names that are sites of
// their own: [Options.Host] "auth.localhost" for the auth domain, and
// "app.localhost" for the program. Then the auth domain's cookies in an iframe
// are third-party cookies, which the browser sends or blocks as it would in
// real life. [Server.Client] finds such names without DNS.
package passporttest
