package browsertest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// mishaps are the ways in which an iframe never gets to the callback. With each
// goes the reason that passport.logout() gives; "blocked" is what the browser
// says at once, where the JavaScript SDK waits for its time-out.
var mishaps = []struct {
	name   string
	reason string
	arm    func(l *lab)
}{
	{"the auth domain does not answer", "timeout", func(l *lab) {
		l.answer.Timeout = 500
		l.logout, _ = held(l.t, nil)
	}},
	{"the auth domain answers without a page", "timeout", func(l *lab) {
		l.answer.Timeout = 500
		l.logout = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	}},
	{"the connection is cut", "refused", func(l *lab) {
		l.logout = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	}},
	{"the auth domain answers with an error page", "refused", func(l *lab) {
		l.logout = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", http.StatusInternalServerError) }
	}},
	{"the auth domain may not be framed", "refused", func(l *lab) {
		l.logout = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Frame-Options", "DENY")
			_, _ = w.Write([]byte("signed out"))
		}
	}},
	{"the app's policy forbids the auth domain", "blocked", func(l *lab) {
		l.policy = "default-src 'self'; frame-src 'self'"
	}},
	{"the app's policy forbids all", "blocked", func(l *lab) {
		l.policy = "default-src 'none'; script-src 'self'; connect-src 'self'"
	}},
	{"the app's policy forbids the callback", "blocked", func(l *lab) {
		l.policy = "default-src 'self'; frame-src " + l.at(authHost, "")
	}},
	{"the page that comes is another than the callback", "refused", func(l *lab) {
		l.logout = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, l.at(evilHost, "/"), http.StatusFound)
		}
		l.policy = ""
	}},
}

func TestSilentLogoutIsNeverStuck(t *testing.T) {
	profile := Open(t, Blocked)
	for _, m := range mishaps {
		t.Run(m.name, func(t *testing.T) {
			l := newLab(t)
			m.arm(l)
			tab := l.openIn(profile)
			got := Eval[outcome](tab, settle(`passport.logout()`))
			assert.Equal(t, outcome{
				Mode: "silent", App: "done", Revocation: "done", Passport: "unconfirmed", URL: l.answer.URL,
				Name: "PassportLogoutError", Message: "passport: logout not completed: " + m.reason, Reason: m.reason,
			}, got)
			assert.Equal(t, []string{"passport:error"}, Eval[[]string](tab, `events.map(e => e.type)`))
			tab.Wait(`frames.length === 0`)
		})
	}
}

// The fallback is a redirect through the same registered address: the callback
// page finds itself at top level and goes on to the app.
func TestSilentLogoutFallsBackToARedirect(t *testing.T) {
	profile := Open(t, Blocked)
	for _, m := range mishaps {
		t.Run(m.name, func(t *testing.T) {
			l := newLab(t)
			l.answer.Fallback = "redirect"
			m.arm(l)
			broken := l.logout
			redirect, release := held(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, l.at(callbackHost, "/silent-logout"), http.StatusFound)
			})
			l.logout = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Sec-Fetch-Dest") == "iframe" {
					broken(w, r)
					return
				}
				redirect(w, r)
			}
			tab := l.openIn(profile)
			got := Eval[outcome](tab, settle(`passport.logout()`)) // the page is still there to say so
			release()
			assert.Equal(t, outcome{
				Mode: "redirect", App: "done", Revocation: "done", Passport: "pending", URL: l.answer.URL, Reason: m.reason,
			}, got)
			await(t, "the redirect", func() bool { return len(l.requests("/silent-logout")) > 0 })
			tab.WaitURL(l.at(appHost, "/"))
			tab.Wait(`frames.length === 0`)
		})
	}
}

// What another part of the page is forbidden is not the logout's business.
func TestAnotherBlockedIframeEndsNothing(t *testing.T) {
	l := newLab(t)
	var release func()
	l.logout, release = held(t, l.logout)
	tab := l.open()
	tab.Run(`window.violated = 0;
		document.addEventListener("securitypolicyviolation", () => violated++);
		window.pending = passport.logout();
		for (const url of ["http://ads.localhost/", "` + l.at(evilHost, "/v2/logout") + `"]) {
			const ad = document.createElement("iframe");
			ad.src = url;
			document.body.append(ad);
		}`)
	tab.Wait(`violated >= 2`)
	release()
	assert.Equal(t, "done", Eval[outcome](tab, settle(`pending`)).Passport)
}

// A provider may show a page of its own on the way, and take its time to go on
// from there.
func TestAPageOnTheWayIsGivenTime(t *testing.T) {
	l := newLab(t)
	direct := l.logout
	l.logout = func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("confirmed") != "" {
			direct(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<script>onload = () => setTimeout(() => location.search += "&confirmed=1", 700)</script>`))
	}
	assert.Equal(t, "done", Eval[outcome](l.open(), settle(`passport.logout()`)).Passport)
}
