package browsertest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// situations are what decides whether the hidden iframe is given the Passport
// session's cookie, and whether that can be known.
var situations = []struct {
	name    string
	cookies Cookies
	auth    string
	ends    bool // a silent logout ends the Passport session
	says    string
}{
	{"cross-site, third-party cookies blocked", Blocked, "auth.localhost", false, "unconfirmed"},
	{"cross-site, third-party cookies allowed", Allowed, "auth.localhost", true, "unconfirmed"},
	{"same site, third-party cookies blocked", Blocked, "auth.app.localhost", true, "done"},
	{"same site, third-party cookies allowed", Allowed, "auth.app.localhost", true, "done"},
}

func TestSilentLogoutEndsBothSessionsOrSaysThatItMayNotHave(t *testing.T) {
	for _, in := range situations {
		t.Run(in.name, func(t *testing.T) {
			profile := Open(t, in.cookies)
			for name, call := range map[string]string{
				"with passport.js": `passport.logout()`,
				"by fetch": `fetch("/logout", {method: "POST", headers: {Accept: "application/json"}})
					.then(r => r.json()).then(passport.finish)`,
			} {
				t.Run(name, func(t *testing.T) {
					s := newSite(t, in.auth)
					tab := s.signedIn(profile)
					got := Eval[outcome](tab, settle(call))
					assert.True(t, strings.HasPrefix(got.URL, s.auth.URL+"/v2/logout?client_id="), got.URL)
					assert.Equal(t, outcome{
						Mode: "silent", App: "done", Revocation: "pending", Passport: in.says,
						URL: got.URL, ReturnTo: "/",
					}, got)
					tab.Wait(`frames.length === 0`)
					s.assertLoggedOut(tab, in.ends)
				})
			}
		})
	}
}

// withAndWithoutScript prepare a form that passport.js submits, and one that the browser
// does.
var withAndWithoutScript = map[string]string{
	"with passport.js":    ``,
	"without passport.js": `document.querySelector("form").removeAttribute("data-passport-logout")`,
}

func TestSilentLogoutByForm(t *testing.T) {
	for _, in := range situations {
		t.Run(in.name, func(t *testing.T) {
			profile := Open(t, in.cookies)
			for name, prepare := range withAndWithoutScript {
				t.Run(name, func(t *testing.T) {
					s := newSite(t, in.auth)
					tab := s.signedIn(profile)
					tab.Run(prepare)
					tab.Click("button")
					tab.WaitURL(s.at("/?bye"))
					assert.Equal(t, "nobody", who(tab))
					s.assertLoggedOut(tab, in.ends)
				})
			}
		})
	}
}

func TestRedirectLogoutEndsBothSessions(t *testing.T) {
	for _, in := range situations {
		t.Run(in.name, func(t *testing.T) {
			profile := Open(t, in.cookies)
			for name, prepare := range withAndWithoutScript {
				t.Run(name, func(t *testing.T) {
					s := newSite(t, in.auth, redirect)
					tab := s.signedIn(profile)
					tab.Run(`window.old = true;` + prepare)
					tab.Click("button")
					tab.Wait(`!window.old && document.querySelector("#who")`)
					tab.WaitURL(s.at("/"))
					assert.Equal(t, "nobody", who(tab))
					assert.Empty(t, s.auth.Sessions())
					s.revoked()

					s.signIn(tab)
					assert.Equal(t, []string{"", ""}, s.prompts(), "a logout that is known to be complete asks for nothing more")
				})
			}
		})
	}
}

// assertLoggedOut asserts what a silent logout has to leave behind, in the
// program, at the auth domain and for the next login from this browser.
func (s *site) assertLoggedOut(tab *Tab, ended bool) {
	s.t.Helper()
	tab.Go(s.at("/"))
	assert.Equal(s.t, "nobody", who(tab))
	assert.Equal(s.t, ended, len(s.auth.Sessions()) == 0, "Passport session ended")
	s.revoked()

	s.later()
	s.signIn(tab)
	assert.Equal(s.t, 2, s.auth.Logins(), "nobody is signed straight back in")
	s.signIn(tab)
	assert.Equal(s.t, 2, s.auth.Logins(), "and is asked no more than once")
}

// Without scripts there is no silent way, so the browser itself goes to the auth
// domain and comes back.
func TestSilentLogoutWithScriptsTurnedOff(t *testing.T) {
	for _, in := range situations {
		t.Run(in.name, func(t *testing.T) {
			s := newSite(t, in.auth)
			tab := s.signedIn(Open(t, in.cookies))
			tab.DisableScripts()
			tab.Go(s.at("/away"))
			tab.Click("button")
			tab.WaitURL(s.at("/"))
			assert.Equal(t, "nobody", who(tab))
			assert.Empty(t, s.auth.Sessions())
			s.revoked()
		})
	}
}
