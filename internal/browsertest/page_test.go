package browsertest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// openPlain shows the app in a tab that never loads passport.js, so that its
// form is submitted the plain way and answered with the no-script page.
func (l *lab) openPlain() *Tab {
	l.t.Helper()
	tab := l.open()
	tab.Run(`document.querySelector("form").removeAttribute("data-passport-logout")`)
	return tab
}

func TestNoScriptPageLogsOutAndGoesBack(t *testing.T) {
	l := newLab(t)
	tab := l.openPlain()
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
	assert.Equal(t, []string{"GET callback.app.localhost/silent-logout"}, l.requests("/silent-logout"))
	assert.Equal(t, []string{"about:blank", l.at(appHost, "/"), l.at(appHost, "/bye")}, tab.History(),
		"the back button does not post again")
}

func TestNoScriptPageGoesBackWhenItIsUnconfirmed(t *testing.T) {
	l := newLab(t)
	l.done = false
	tab := l.openPlain()
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
}

func TestNoScriptPageTellsTheOtherTabs(t *testing.T) {
	l := newLab(t)
	profile := Open(t, Blocked)
	other, tab := l.openIn(profile), l.openIn(profile)
	tab.Run(`document.querySelector("form").removeAttribute("data-passport-logout")`)
	tab.Click("button")
	other.Wait(`events.length === 1 && events[0].remote`)
}

func TestNoScriptPageWaitsQuietly(t *testing.T) {
	l := newLab(t)
	var release func()
	l.logout, release = held(t, l.logout)
	tab := l.openPlain()
	tab.Click("button")
	tab.Wait(`document.querySelector("iframe")`)
	tab.Wait(`document.getAnimations().every(a => a.playState === "finished")`)
	assert.Equal(t, "Signing out…", tab.Text())
	tab.Screenshot("silent")
	tab.Dark()
	tab.Screenshot("silent-dark")
	release()
	tab.WaitURL(l.at(appHost, "/bye"))
}

func TestNoScriptPageFallsBackToARedirect(t *testing.T) {
	l := newLab(t)
	l.answer.Fallback = "redirect"
	direct := l.logout
	l.logout = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-Fetch-Dest") == "iframe" {
			w.Header().Set("X-Frame-Options", "DENY")
		}
		direct(w, r)
		if r.Header.Get("Sec-Fetch-Dest") == "iframe" {
			panic(http.ErrAbortHandler)
		}
	}
	tab := l.openPlain()
	tab.Click("button")
	await(t, "the redirect", func() bool { return len(l.requests("localhost/v2/logout")) >= 2 })
	tab.WaitURL(l.at(appHost, "/"))
	for _, url := range tab.History() {
		assert.NotContains(t, url, "/logout", "the back button must not come here again")
	}
}

func TestNoScriptPageReportsWhatIsInDoubt(t *testing.T) {
	l := newLab(t)
	l.logout = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", http.StatusInternalServerError) }
	tab := l.openPlain()
	tab.Click("button")
	tab.Wait(`document.querySelector("main a.button")`)
	assert.Contains(t, tab.Text(), "You are signed out of this site")
	assert.Contains(t, tab.Text(), "Your Passport session may still be open")
	assert.NotContains(t, tab.Text(), "Signing out")
	assert.Equal(t, []string{l.answer.URL, l.at(appHost, "/bye")}, Eval[[]string](tab, `[...document.querySelectorAll("a")].map(a => a.href)`))
	tab.Screenshot("silent-report")
	tab.Dark()
	tab.Screenshot("silent-report-dark")
	tab.Narrow()
	tab.Screenshot("silent-report-narrow")
	tab.Click("a.button")
	await(t, "the visit", func() bool { return len(l.requests("localhost/v2/logout")) == 2 })
}

func TestNoScriptPageNeverSaysThatAFailedLogoutWasOne(t *testing.T) {
	l := newLab(t)
	l.answer.App, l.answer.Fallback = "failed", "redirect"
	tab := l.openPlain()
	tab.Click("button")
	tab.Wait(`document.querySelector("main a.button")`)
	assert.Contains(t, tab.Text(), "The session itself could not be ended yet")
	assert.NotContains(t, tab.Text(), "signed out of this site")
	tab.Screenshot("silent-failed")
}

// With scripts turned off there is no silent way: the browser goes to the auth
// domain and comes back, all without a script.
func TestNoScriptPageWithScriptsTurnedOff(t *testing.T) {
	l := newLab(t)
	tab := Open(t, Blocked).Tab()
	tab.DisableScripts()
	tab.Go(l.at(appHost, "/bye"))
	tab.Click("button")
	await(t, "the redirect", func() bool { return len(l.requests("/silent-logout")) == 1 })
	tab.WaitURL(l.at(appHost, "/"))
	assert.Equal(t, []string{"POST app.localhost/logout"}, l.requests("app.localhost/logout"))
}

func TestCallbackAtTopLevelGoesOnToTheParent(t *testing.T) {
	l := newLab(t)
	tab := Open(t, Blocked).Tab()
	tab.Go(l.at(callbackHost, "/silent-logout"))
	tab.WaitURL(l.at(appHost, "/"))
	assert.Equal(t, []string{"about:blank", l.at(appHost, "/")}, tab.History())
}

// The policies of the pages let through what the pages need, and a browser says
// so when they do not.
func TestPagesBreakNoPolicyOfTheirOwn(t *testing.T) {
	l := newLab(t)
	tab := l.openPlain()
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
	for _, line := range tab.Console() {
		assert.NotContains(t, line, "Content Security Policy")
	}
}
