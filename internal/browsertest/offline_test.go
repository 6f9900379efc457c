package browsertest

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outages are the ways in which there is no auth domain to go to.
var outages = map[string]func(l *lab){
	"refuses connections": func(l *lab) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(l.t, err)
		gone := "http://auth.localhost" + strings.TrimPrefix(listener.Addr().String(), "127.0.0.1")
		require.NoError(l.t, listener.Close())
		l.policy = strings.ReplaceAll(l.policy, l.at(authHost, ""), gone)
		l.answer.URL = gone + "/v2/logout"
	},
	"cuts connections": func(l *lab) { l.authDomain(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }) },
	"answers 500": func(l *lab) {
		l.authDomain(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
			w.WriteHeader(http.StatusInternalServerError)
		})
	},
	"never answers": func(l *lab) {
		l.answer.Timeout = 500
		hanging, _ := held(l.t, nil)
		l.authDomain(hanging)
	},
}

// authDomain answers all requests to the auth domain.
func (l *lab) authDomain(answer http.HandlerFunc) {
	l.logout = answer
	l.other = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, authHost) {
			answer(w, r)
			return
		}
		http.NotFound(w, r)
	}
}

// falling is a lab whose fallback is to leave the page, and whose pages may look
// for the auth domain.
func falling(t *testing.T) *lab {
	l := newLab(t)
	l.answer.Fallback = "redirect"
	l.policy = strings.Replace(l.policy, "connect-src 'self'", "connect-src 'self' "+l.at(authHost, ""), 1)
	return l
}

// A page that works is not left for one that cannot load. The app session ends
// all the same.
func TestNoPageIsLeftForAnAuthDomainThatIsNotThere(t *testing.T) {
	profile := Open(t, Blocked)
	for name, breakIt := range outages {
		t.Run(name, func(t *testing.T) {
			l := falling(t)
			breakIt(l)
			tab := l.openIn(profile)
			begun := time.Now()
			got := Eval[outcome](tab, settle(`passport.logout()`))
			assert.Less(t, time.Since(begun), 10*time.Second)
			assert.Equal(t, outcome{
				Mode: "silent", App: "done", Revocation: "done", Passport: "unconfirmed", URL: l.answer.URL,
				Name: "PassportLogoutError", Message: "passport: logout not completed: offline", Reason: "offline",
			}, got)
			assert.Equal(t, []string{"passport:error"}, Eval[[]string](tab, `events.map(e => e.type)`), "the page is still there")
			assert.Equal(t, l.at(appHost, "/"), tab.URL())
		})
	}
}

func TestAFormGoesOnWithinTheSiteIfTheAuthDomainIsNotThere(t *testing.T) {
	l := falling(t)
	outages["cuts connections"](l)
	tab := l.open()
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
}

func TestNoScriptPageStaysIfTheAuthDomainIsNotThere(t *testing.T) {
	for name, breakIt := range outages {
		t.Run(name, func(t *testing.T) {
			l := falling(t)
			breakIt(l)
			tab := l.openPlain()
			tab.Click("button")
			tab.Wait(`document.querySelector("main a.button")`)
			assert.Contains(t, tab.Text(), "Passport cannot be reached at the moment")
			tab.Screenshot("silent-offline")
			for _, line := range tab.Console() {
				assert.NotContains(t, line, "Content Security Policy")
			}
		})
	}
}

// An answer is enough, even one that a script may not read.
func TestThePageIsLeftIfTheAuthDomainAnswers(t *testing.T) {
	for name, policy := range map[string]string{
		"seen": "", "not to be seen, by the page's policy": "default-src 'none'; script-src 'self'; connect-src 'self'",
	} {
		t.Run(name, func(t *testing.T) {
			l := falling(t)
			direct, release := held(t, l.logout)
			l.logout = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Sec-Fetch-Dest") == "iframe" {
					w.Header().Set("X-Frame-Options", "DENY")
					return
				}
				direct(w, r)
			}
			reason := "refused"
			if policy != "" {
				l.policy, reason = policy, "blocked"
			}
			tab := l.open()
			got := Eval[map[string]any](tab, `passport.logout()`) // the page is still there to say so
			release()
			assert.Equal(t, "redirect", got["mode"])
			assert.Equal(t, reason, got["reason"], "why it was not silent")
			await(t, "the redirect", func() bool { return len(l.requests("/silent-logout")) > 0 })
		})
	}
}

// Without a network nothing can be asked of the program, and the form is not
// submitted into the browser's error page.
func TestOfflineThePageStays(t *testing.T) {
	l := falling(t)
	tab := l.open()
	tab.Offline(true)
	got := Eval[outcome](tab, settle(`passport.logout()`))
	assert.Equal(t, "offline", got.Reason)
	assert.Equal(t, "unconfirmed", got.App)
	tab.Click("button")
	tab.Wait(`events.length === 2`)
	Eval[any](tab, `new Promise(resolve => setTimeout(resolve, 100))`) // a submission would have begun
	assert.Equal(t, l.at(appHost, "/"), tab.URL())
	assert.Empty(t, l.requests("app.localhost/logout"))
}

// In a frame a redirect would end on a page that may not be framed.
func TestAFrameIsNeverLeftForTheAuthDomain(t *testing.T) {
	l := falling(t)
	l.takePoliciesOff()
	l.logout = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Frame-Options", "DENY") }
	l.app = `<script>onload = () => passport.logout().catch(e => parent.postMessage({reason: e.reason, ...e.outcome}, "*"))</script>`
	l.evil = `<script>window.heard = []; onmessage = e => heard.push(e.data)</script><iframe src="` + l.at(appHost, "/") + `"></iframe>`
	tab := Open(t, Blocked).Tab()
	tab.Go(l.at(evilHost, "/"))
	tab.Wait(`window.heard.length`)
	got := Eval[[]outcome](tab, `heard`)[0]
	assert.Equal(t, "refused", got.Reason)
	assert.Equal(t, "done", got.App)
	assert.Len(t, l.requests("auth.localhost/v2/logout"), 1)
}

// Where no iframe can show the auth domain, none is tried.
func TestAnIsolatedPageGoesStraightToWhatWorks(t *testing.T) {
	l := newLab(t)
	l.isolate = true
	tab := l.open()
	require.True(t, Eval[bool](tab, `crossOriginIsolated`))
	got := Eval[outcome](tab, settle(`passport.logout()`))
	assert.Equal(t, "isolated", got.Reason)
	assert.Equal(t, "done", got.App)
	assert.Empty(t, l.requests("/v2/logout"))

	l = falling(t)
	l.isolate = true
	var release func()
	l.logout, release = held(t, l.logout)
	tab = l.open()
	back := Eval[map[string]any](tab, `passport.logout()`)
	release()
	assert.Equal(t, "redirect", back["mode"])
	assert.Equal(t, "isolated", back["reason"])
	await(t, "the redirect", func() bool { return len(l.requests("/silent-logout")) > 0 })
	assert.Len(t, l.requests("auth.localhost/v2/logout"), 1)
}
