package doctor

// Catalogue has everything that an examination can find, in the order of
// docs/doctor.md, except for what the stores say about themselves.
var Catalogue = []Finding{
	{
		ID: "config.invalid", Severity: Problem,
		Why:    "passport.New refuses this configuration, so the program does not start with it.",
		Remedy: "Correct the field. docs/configuration.md lists all of them.",
	},
	{
		ID: "config.differs", Severity: Problem,
		Why:    "The program runs with another configuration than this one, so the other findings may not be about it.",
		Remedy: "Give the doctor the program's configuration, or deploy this one.",
	},
	{
		ID: "doctor.unfinished", Severity: Warning,
		Why:    "Not everything was examined.",
		Remedy: "Run it again with a longer -timeout.",
	},

	{
		ID: "provider.unreachable", Severity: Problem,
		Why:    "Without the provider nobody can sign in, and tokens cannot be refreshed or revoked.",
		Remedy: "Check AuthDomain or Issuer, DNS, and the firewall for outgoing connections. Run the doctor where the program runs.",
	},
	{
		ID: "discovery.unreadable", Severity: Problem,
		Why:    "With Discover, the endpoints come from this document.",
		Remedy: "Check Issuer, or set DiscoveryURL if the document is elsewhere.",
	},
	{
		ID: "discovery.issuer", Severity: Problem,
		Why:    "Tokens name their issuer. The SDK refuses those of another one, so every login fails.",
		Remedy: "Set Issuer to exactly what the provider says: a missing slash at the end matters.",
	},
	{
		ID: "discovery.insecure", Severity: Problem,
		Why:    "Whoever can read plain http sees codes and tokens. The SDK refuses such endpoints unless InsecureProviderHTTP is set.",
		Remedy: "Have the provider publish https addresses. Behind a proxy it usually needs to know its public URL.",
	},
	{
		ID: "discovery.no-pkce", Severity: Warning,
		Why:    "The SDK sends PKCE with S256 (RFC 7636). A provider that does not check it does not stop a stolen code.",
		Remedy: "Enable PKCE with S256 for the client.",
	},
	{
		ID: "discovery.no-logout", Severity: Warning,
		Why:    "A logout ends only the app session: the next login signs the same user in without a question.",
		Remedy: "Enable RP-Initiated Logout at the provider, or set LogoutParams and docs/providers.md's settings for yours.",
	},
	{
		ID: "discovery.no-revocation", Severity: Warning,
		Why:    "A logout cannot revoke refresh tokens, so a stolen one stays valid until it expires.",
		Remedy: "Enable token revocation (RFC 7009), or give refresh tokens a short life.",
	},
	{
		ID: "discovery.scope", Severity: Warning,
		Why:    "Some providers refuse a login with a scope that they do not know, others ignore the scope.",
		Remedy: "Remove it from Scopes, or define it at the provider.",
	},
	{
		ID: "discovery.client-auth", Severity: Warning,
		Why:    "The provider does not offer this way to authenticate, so it will refuse the client.",
		Remedy: "Leave ClientAuth empty, or choose one that the provider lists.",
	},

	{
		ID: "keys.unreachable", Severity: Problem,
		Why:    "Without the signing keys no token can be verified, so nobody can sign in.",
		Remedy: "Check the provider's jwks_uri from where the program runs.",
	},
	{
		ID: "keys.none", Severity: Problem,
		Why:    "Without a public key no token can be verified, so nobody can sign in.",
		Remedy: "Have the provider sign with RS256, ES256 or EdDSA, and publish the key.",
	},
	{
		ID: "keys.unreadable", Severity: Warning,
		Why:    "The SDK ignores this key. If the provider signs with it, logins fail.",
		Remedy: "Remove or replace the key at the provider.",
	},
	{
		ID: "keys.private", Severity: Problem,
		Why:    "The set of public keys contains a private key: anybody can sign tokens as the provider.",
		Remedy: "Replace the key at the provider at once, and end all sessions.",
	},
	{
		ID: "keys.weak", Severity: Warning,
		Why:    "RSA keys below 2048 bits are not considered safe (RFC 7518 §3.3).",
		Remedy: "Replace the key at the provider.",
	},
	{
		ID: "keys.algorithm", Severity: Problem,
		Why:    "The SDK accepts only signatures by a public key. HS256 needs a shared secret, which every program with it could sign with.",
		Remedy: "Set the client's ID token algorithm to RS256 at the provider.",
	},

	{
		ID: "clock.here", Severity: Warning,
		Why:    "Tokens are valid by the provider's clock. If this machine runs the program, fresh tokens look expired, or not valid yet.",
		Remedy: "Synchronise this machine's clock (NTP). ClockLeeway is for small differences.",
	},
	{
		ID: "clock.program", Severity: Problem,
		Why:    "The clocks differ by more than ClockLeeway, so fresh tokens are refused. A proxy that writes Date itself can also cause this.",
		Remedy: "Synchronise the clock of the program's machine (NTP).",
	},

	{
		ID: "tls.untrusted", Severity: Problem,
		Why:    "Programs, and most browsers, refuse the connection.",
		Remedy: "Serve the whole chain, with the intermediate certificates. For a private authority use -ca here, and install it where the program runs.",
	},
	{
		ID: "tls.name", Severity: Problem,
		Why:    "The certificate is for another host, so browsers refuse the connection.",
		Remedy: "Get a certificate for this name, or have the proxy choose the right one (SNI).",
	},
	{
		ID: "tls.expired", Severity: Problem,
		Why:    "Browsers refuse the connection.",
		Remedy: "Renew the certificate, and check what should have renewed it. If it is not valid yet, check the clock.",
	},
	{
		ID: "tls.expires-soon", Severity: Warning,
		Why:    "Automatic renewal would have happened by now.",
		Remedy: "Check what renews the certificate, and that the server loads the new one.",
	},

	{
		ID: "client.unknown", Severity: Problem,
		Why:    "The provider does not know this client, so nobody can sign in.",
		Remedy: "Check ClientID, and that it belongs to this AuthDomain or Issuer.",
	},
	{
		ID: "client.refused", Severity: Problem,
		Why:    "The provider does not accept the client's credentials, so no login can finish.",
		Remedy: "Check ClientSecret and ClientAuth. A public client (PKCE) must be registered as one.",
	},
	{
		ID: "redirect-uri.unregistered", Severity: Problem,
		Why:    "Users see the provider's error page instead of its login.",
		Remedy: "Register RedirectURI with the client exactly as configured: scheme, host, port, path and slashes.",
	},
	{
		ID: "redirect-uri.any", Severity: Problem,
		Why:    "The provider sends codes to any address, so a link can send a user's code to an attacker.",
		Remedy: "Register exact redirect URIs at the provider, without wildcards.",
	},
	{
		ID: "redirect-uri.unknown", Severity: Note,
		Why:    "The provider's answer does not show whether RedirectURI is registered.",
		Remedy: "Compare it with the client's settings, or sign in once.",
	},
	{
		ID: "login.refused", Severity: Problem,
		Why:    "The provider refuses the login request, so nobody can sign in.",
		Remedy: "See the error: invalid_scope is about Scopes, unauthorized_client about the client's grant types, access_denied at Auth0 often about Audience.",
	},
	{
		ID: "logout-uri.unregistered", Severity: Problem,
		Why:    "Users end on the provider's error page after a logout, and a silent logout never completes.",
		Remedy: "Register LogoutRedirectURI as a logout URI of the client, exactly as configured.",
	},
	{
		ID: "logout-uri.any", Severity: Warning,
		Why:    "The provider's logout redirects anywhere, which is useful for phishing.",
		Remedy: "Register exact logout URIs at the provider, without wildcards.",
	},
	{
		ID: "logout-uri.unknown", Severity: Note,
		Why:    "The provider's answer does not show whether LogoutRedirectURI is registered. Many ask the user first.",
		Remedy: "Compare it with the client's settings, or sign out once.",
	},

	{
		ID: "program.unreachable", Severity: Problem,
		Why:    "Browsers cannot reach the program at the address that the provider sends them back to.",
		Remedy: "Check DNS, the proxy, and RedirectURI. For a program that is not running use -provider.",
	},
	{
		ID: "login.not-found", Severity: Problem,
		Why:    "RequireLogin and the SDK's pages send users to this path to sign in.",
		Remedy: "Serve Login there, or set LoginPath (and BaseURL, below a prefix).",
	},
	{
		ID: "login.failed", Severity: Problem,
		Why:    "Nobody can sign in.",
		Remedy: "Look at the program's log (Config.Logger), and at the proxy's. 502 and 504 are most often the proxy's own.",
	},
	{
		ID: "login.not-login", Severity: Problem,
		Why:    "The login should send the browser to the provider. A page is often a single-page app's fallback, or a bot check in front of the program.",
		Remedy: "Route LoginPath to the program.",
	},
	{
		ID: "login.elsewhere", Severity: Problem,
		Why:    "The login leads somewhere other than the provider of this configuration. Some proxies rewrite the Location of redirects.",
		Remedy: "Compare AuthDomain or Issuer with the program's, and turn off the rewriting of redirects (nginx: proxy_redirect off).",
	},
	{
		ID: "callback.not-found", Severity: Problem,
		Why:    "Users come back from the provider to a missing page, so nobody can sign in.",
		Remedy: "Serve LoginCallback at the path of RedirectURI, and route it to the program.",
	},
	{
		ID: "callback.failed", Severity: Problem,
		Why:    "Users come back from the provider to an error.",
		Remedy: "Look at the program's log, and at the store: the callback is where it is first needed.",
	},
	{
		ID: "callback.unknown", Severity: Note,
		Why:    "The program's error pages (Config.OnError) do not show whether the login's cookie arrived.",
		Remedy: "Sign in once. Or have OnError use the suggested status.",
	},

	{
		ID: "proxy.host", Severity: Warning,
		Why:    "The program sees another Host than browsers do, because a proxy replaces it. Each login takes one more redirect, and pages that go by Host are wrong.",
		Remedy: "Pass Host on (nginx: proxy_set_header Host $host).",
	},
	{
		ID: "proxy.prefix", Severity: Problem,
		Why:    "The program is below a prefix that it does not know, so its redirects and links leave it out.",
		Remedy: "Set BaseURL to the public address with the prefix.",
	},
	{
		ID: "proxy.query", Severity: Problem,
		Why:    "The code and the state of a login are in the query, so no login can finish.",
		Remedy: "Have the proxy pass the query on. In nginx, a proxy_pass with variables needs $is_args$args.",
	},
	{
		ID: "proxy.cookies", Severity: Problem,
		Why:    "The program does not recognise the browser that it sent to the provider, so no login can finish. The cookie is lost on the way, or another program answers.",
		Remedy: "Have every proxy pass Cookie and Set-Cookie on, and the CDN not strip them. Check that EncryptionKeys are the same on all instances.",
	},
	{
		ID: "cookie.missing", Severity: Problem,
		Why:    "Without the cookie no login can finish.",
		Remedy: "Have every proxy and CDN pass Set-Cookie on, and compare CookieName with the program's.",
	},
	{
		ID: "cookie.prefix", Severity: Problem,
		Why:    "Only cookies named __Host-, with Path=/ and without Domain, are safe from other hosts of the domain. Browsers drop a __Host- cookie with another path.",
		Remedy: "Turn off the rewriting of cookies (nginx: proxy_cookie_path off, proxy_cookie_domain off). Below a prefix, Path=/ is intended.",
	},
	{
		ID: "cookie.secure", Severity: Problem,
		Why:    "Over https the cookie must be Secure: otherwise it is also sent over plain http. Over http, browsers drop a Secure cookie.",
		Remedy: "Set RedirectURI to the scheme that browsers see, and turn off the rewriting of cookies.",
	},
	{
		ID: "cookie.http-only", Severity: Problem,
		Why:    "Scripts can read the cookie, so a script injection steals the session.",
		Remedy: "Turn off the rewriting of cookies.",
	},
	{
		ID: "cookie.same-site", Severity: Problem,
		Why:    "With Strict, the browser comes back from the provider without its cookie, and no login can finish. With None, other sites' pages can send it.",
		Remedy: "Turn off the rewriting of cookies (nginx: proxy_cookie_flags off).",
	},
	{
		ID: "cookie.twice", Severity: Warning,
		Why:    "Browsers keep one of the two, and which one depends on the order.",
		Remedy: "Find what adds the second one: most often the middleware runs twice, or a proxy copies headers.",
	},

	{
		ID: "encryption-keys.differ", Severity: Problem,
		Why:    "Instances seal with different keys. An instance without the other's key treats its sessions and logins as absent, so users are signed out at random.",
		Remedy: "Give all instances the same EncryptionKeys. With storage/memory, run one instance.",
	},
	{
		ID: "encryption-keys.rotating", Severity: Note,
		Why:    "Instances seal with different keys of this configuration, as they do while keys are being replaced.",
		Remedy: "Restart the instances that have the old order. Every instance needs both keys meanwhile.",
	},
	{
		ID: "encryption-keys.other", Severity: Warning,
		Why:    "An instance with this configuration could not open the sessions of the running program.",
		Remedy: "Compare EncryptionKeys with the program's.",
	},

	{
		ID: "cache.login", Severity: Problem,
		Why:    "A cache serves one user's login to others, so their logins fail, and one may finish another's.",
		Remedy: "Have the cache honour Cache-Control: no-store, and exclude LoginPath, LogoutPath and RedirectURI.",
	},
	{
		ID: "cache.stored", Severity: Problem,
		Why:    "The program forbids storing this response, and something in front of it replaces that. A cache may serve one user's page to another.",
		Remedy: "Do not override Cache-Control for the program's paths.",
	},
	{
		ID: "cache.page", Severity: Warning,
		Why:    "A cache may serve the page of a signed-out user to one who is signed in, or keep it after a logout.",
		Remedy: "Send Cache-Control: private or no-store, or Vary: Cookie, for pages that show who is signed in.",
	},

	{
		ID: "logout.not-found", Severity: Problem,
		Why:    "passport.js posts to this path, so nobody can sign out.",
		Remedy: "Serve Logout there for POST, or set LogoutPath (and BaseURL, below a prefix).",
	},
	{
		ID: "logout.refused", Severity: Problem,
		Why:    "The program, or something in front of it, takes its own page for another site's, so nobody can sign out.",
		Remedy: "Have proxies pass Origin and Sec-Fetch-Site on unchanged, and exempt LogoutPath from other CSRF middleware: Logout has its own check.",
	},
	{
		ID: "logout.not-logout", Severity: Problem,
		Why:    "passport.js gets no answer that it can use, so nobody can sign out silently.",
		Remedy: "Route LogoutPath to Logout. A handler of your own answers as Logout does.",
	},
	{
		ID: "logout.cross-site", Severity: Problem,
		Why:    "Any site can sign your users out. Most often a proxy removes Origin and Sec-Fetch-Site, by which the program knows its own pages.",
		Remedy: "Have proxies pass both headers on unchanged.",
	},
	{
		ID: "return.unnoticed", Severity: Warning,
		Why:    "The program does not notice that browsers come back from the provider's logout, so each logout stays unconfirmed, and the next login asks for credentials.",
		Remedy: "Wrap the program in Passport.Handler, also at the path of LogoutRedirectURI, and have proxies pass the query on.",
	},
	{
		ID: "origins.cross-site", Severity: Warning,
		Why:    "Browsers send the session's cookie (SameSite=Lax) only to pages of the same site, so that page's requests are never signed in.",
		Remedy: "Move both below one domain, or have that page call its own server.",
	},
	{
		ID: "origins.preflight", Severity: Problem,
		Why:    "Browsers ask by OPTIONS whether a page of this origin may post a logout. Something in front of the program, or around it, answers in its place.",
		Remedy: "Pass OPTIONS on to the program, or let other CORS middleware allow the origin with credentials, and once.",
	},
	{
		ID: "csp.form-action", Severity: Problem,
		Why:    "Browsers apply form-action also to the redirect to the provider, so the button to sign out does nothing.",
		Remedy: "Allow 'self' and the origin of the auth domain in form-action.",
	},

	{
		ID: "silent.not-found", Severity: Problem,
		Why:    "No silent logout completes: each ends in its timeout.",
		Remedy: "Serve LogoutSilentCallback at the path of LogoutRedirectURI.",
	},
	{
		ID: "silent.not-callback", Severity: Problem,
		Why:    "Another page answers at LogoutRedirectURI, so no silent logout completes.",
		Remedy: "Route the path of LogoutRedirectURI to LogoutSilentCallback, without a login in front of it.",
	},
	{
		ID: "silent.framing", Severity: Problem,
		Why:    "The page that completes a silent logout is shown in a hidden iframe. Headers that something in front of the program adds or removes stop it.",
		Remedy: "Do not add X-Frame-Options or a Content-Security-Policy at this path, or remove them: the page has its own.",
	},
	{
		ID: "silent.parent", Severity: Problem,
		Why:    "The page may not be framed by the page that signs out, so no silent logout completes.",
		Remedy: "Pass the public URL of your pages to LogoutSilentCallback.",
	},
	{
		ID: "silent.frame-src", Severity: Problem,
		Why:    "The page's Content-Security-Policy forbids the hidden iframe (reason: blocked).",
		Remedy: "Allow the auth domain and the origin of LogoutRedirectURI in frame-src.",
	},
	{
		ID: "silent.isolated", Severity: Problem,
		Why:    "A page with this header cannot frame the auth domain (reason: isolated).",
		Remedy: "Use redirect mode, or serve the pages that sign out without the header.",
	},
	{
		ID: "silent.provider-page", Severity: Warning,
		Why:    "The provider asks users before a logout, on a page that may not be framed, so silent logouts end in SilentFallback.",
		Remedy: "Use redirect mode with this provider.",
	},
	{
		ID: "silent.third-party", Severity: Note,
		Why:    "Browsers that block third-party cookies make a silent logout do nothing at the auth domain. The SDK reports it as unconfirmed, and the next login asks for credentials.",
		Remedy: "Give the auth domain a name below your own domain, serve BackChannelLogout, or use redirect mode.",
	},

	{
		ID: "store.down", Severity: Problem,
		Why:    "The program's store does not answer, so nobody can sign in, and users who are signed in get 503.",
		Remedy: "Look at the program's log, and at the store: the address, the credentials, the rights of the user, the disk.",
	},
	{
		ID: "store.unreadable", Severity: Problem,
		Why:    "The doctor could not ask the program about its store.",
		Remedy: "Serve inspect.Handler on a loopback port of the program to which no proxy leads, and give its URL to -store.",
	},
	{
		ID: "store.unavailable", Severity: Problem,
		Why:    "The store cannot write, read and delete a record, so nobody can sign in.",
		Remedy: "See the error: the address, the credentials, the rights of the user, the disk.",
	},
	{
		ID: "store.queue", Severity: Problem,
		Why:    "The queue of revocations does not work: a logout fails, or leaves its refresh token valid.",
		Remedy: "See the error: the rights of the user on the queue, which has commands, or a table, of its own.",
	},
	{
		ID: "store.not-replicated", Severity: Problem,
		Why:    "The store is told to wait for its replicas, and they do not confirm: logouts stay pending, and a fail-over may undo them.",
		Remedy: "Look at the replicas, and at the number or the level that the store's options ask for.",
	},
	{
		ID: "store.slow", Severity: Warning,
		Why:    "Each request of a signed-in user waits for the store once.",
		Remedy: "Bring the store nearer to the program, and look at its load.",
	},
	{
		ID: "store.no-queue", Severity: Warning,
		Why:    "Revocations that are pending when the program ends are lost, and those refresh tokens stay valid.",
		Remedy: "Implement storage.RevocationQueue. If a wrapper hides it, forward its methods.",
	},
	{
		ID: "store.more", Severity: Warning,
		Why:    "The store has found more than a report has room for.",
		Remedy: "Mend what is listed, and look again.",
	},
}
