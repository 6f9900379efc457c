// Package native signs users in and out of programs that are not web servers:
// desktop games, launchers and command line programs. It is package passport
// with the system's browser in the place of a page: a login opens it and waits on
// a loopback port for its return (RFC 8252), and so does a logout, for only the
// browser can end the Passport session.
//
//	store, err := file.New(filepath.Join(dir, "session.json"), file.Options{})
//	key, err := file.Key(filepath.Join(dir, "key"))
//	p, err := native.New(native.Config{Config: passport.Config{
//		ClientID:       "...",
//		Store:          store,
//		EncryptionKeys: [][]byte{key},
//	}})
//	defer p.Close(ctx)
//
//	session, err := p.Session(ctx) // of an earlier run
//	if errors.Is(err, passport.ErrNoSession) {
//		session, err = p.Login(ctx, passport.LoginOptions{})
//	}
//	...
//	logout, err := p.Logout(ctx)
//
// # What to register
//
// In Hub, on a Passport client of the type Native: http://127.0.0.1/callback as a
// redirect URI and http://127.0.0.1/logout as a logout URI. The port is chosen
// when it is needed, so the auth domain has to allow any on a loopback address,
// as RFC 8252 §7.3 has it. If it does not, register one port with both, and say
// so in Config.RedirectURI and Config.LogoutRedirectURI.
//
// # One user, one session
//
// The user has one current session, in all runs of the program and in all of its
// processes that share a store: a login that succeeds takes the place of the
// session before it, and of two that happen at once the later one stays. Which
// session that is stands in the store too, sealed like everything else.
//
// # What other users of the machine can see
//
// Everybody can read the command line that starts a browser. It holds a URL on
// the loopback address and nothing else: a page there that works once, gives the
// browser a cookie, and sends it on to the auth domain. Only the browser with
// that cookie can finish the login. What is left is a race: somebody who reads
// the command line and opens the page before the user's browser does. On Linux,
// users other than the program's own and root are refused, and the login or
// logout ends with an error. Elsewhere it does so as soon as the user's browser
// comes second; a thief who has signed in by then, as themselves, is the user
// that the program sees. So show who is signed in. Programs of the same user
// can read all that this one can; nothing here protects from them.
//
// # Where there is no browser
//
// In a terminal on another machine, or on a console, [Passport.LoginWithDevice]
// shows a code, which the user enters in a browser elsewhere (RFC 8628).
//
// # What a logout can know
//
// [Passport.Logout] reports the Passport session as passport.OutcomeDone if the browser
// has come back from the auth domain's logout, and is the one that the user
// signed in with: a cookie on the loopback address tells. If no browser could be
// opened it is passport.OutcomePending, otherwise passport.OutcomeUnconfirmed, and the next
// login asks for credentials, in the next run of the program too. So it does
// after [Passport.LogoutLocal].
//
// A program does not know which browser the system will open, so this is about
// the last one. A Passport session that is open in another, since the user has
// changed browsers between two logins, stays open, and signs them in again
// without a question once the system opens that browser.
package native
