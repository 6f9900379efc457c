// Package native signs users in and out of programs that are not web servers:
// desktop games, launchers and command line programs. It uses the system's browser:
// a login opens it and waits for its return on a loopback port (RFC 8252), and so
// does a logout, because only the browser can end the Passport session.
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
// In Hub, on a Passport client of type Native: http://127.0.0.1/callback as a
// redirect URI and http://127.0.0.1/logout as a logout URI. The port is chosen when
// it is needed, so the auth domain has to allow any port on a loopback address, as
// RFC 8252 §7.3 requires. If it does not, register both URIs with a fixed port, and
// set Config.RedirectURI and Config.LogoutRedirectURI to them.
//
// # One user, one session
//
// The user has one current session, in all runs of the program and in all processes
// that share a store. A successful login replaces the previous session; of two
// concurrent logins the later one stays. The store also records which session is
// current, sealed like everything else.
//
// # What other users of the machine can see
//
// Every user can read the command line that starts a browser. It contains only a
// URL on the loopback address: a page that gives the browser a cookie, and sends it
// on to the auth domain. It works for one browser, and only that one can finish the
// login. A race remains: somebody could read the command line and open the page
// before the user's browser does. On Linux, users other than the program's own and
// root are refused, and the login or logout ends with an error. Elsewhere it does
// so as soon as the user's browser arrives second; if the attacker has signed in by
// then, the program sees the attacker's account. So show who is signed in. Programs
// of the same user can read everything that this one can; nothing here protects
// against them.
//
// # Where there is no browser
//
// In a terminal on another machine, or on a console, [Passport.LoginWithDevice]
// shows a code, which the user enters in a browser elsewhere (RFC 8628).
//
// # What a logout can know
//
// [Passport.Logout] reports the Passport session as passport.OutcomeDone if the
// browser has come back from the auth domain's logout and is the one that the user
// signed in with, which a cookie on the loopback address shows. If no browser could
// be opened, it is passport.OutcomePending; otherwise it is
// passport.OutcomeUnconfirmed. In both cases, and after [Passport.LogoutLocal], the
// next login asks for credentials, even in the next run of the program.
//
// A program does not know which browser the system will open, so this concerns the
// last one. If the user changed browsers between two logins, the Passport session
// in the other browser stays open, and signs them in again without a prompt once
// the system opens that browser.
package native
