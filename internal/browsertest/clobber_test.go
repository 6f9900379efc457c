package browsertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Markup of others, without scripts, in a page that logs out: a comment, a chat
// message, a name. An element with a name answers for what document or a form has
// by that name.

// false "signed out": somebody else's answer, from a path of this origin.
func (l *lab) answersFalsely(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]string{
		"mode": "redirect", "url": "javascript:void(window.ran = true)", "app": "done", "passport": "done",
	})
}

func TestNoElementAnswersForTheScriptsOwn(t *testing.T) {
	var markup strings.Builder
	for _, name := range []string{
		"addEventListener", "baseURI", "body", "createElement", "currentScript", "defaultView", "dispatchEvent",
		"documentElement", "documentURI", "getElementById", "querySelector", "URL",
	} {
		fmt.Fprintf(&markup, `<img name=%s data-logout="/fake" href="/fake">`, name)
	}
	for _, id := range []string{"passport", "performance", "localStorage", "navigator", "crossOriginIsolated", "location", "fetch"} {
		fmt.Fprintf(&markup, `<form id=%s data-logout="/fake"><input name=logout></form>`, id)
	}
	l := newLab(t)
	l.app = markup.String()
	l.other = l.answersFalsely
	tab := Open(t, Blocked).Tab()
	tab.Go(l.at(appHost, "/"))
	tab.Run(`window.events = []; addEventListener("passport:logout", e => events.push(e.detail))`)
	got := Eval[outcome](tab, settle(`passport.logout()`))
	assert.Equal(t, outcome{Mode: "silent", App: "done", Revocation: "done", Passport: "done", URL: l.answer.URL}, got)
	assert.Len(t, Eval[[]any](tab, `events`), 1)
	assert.Len(t, l.requests("app.localhost/logout"), 1)
	assert.Empty(t, l.requests("/fake"))
}

func TestAFormsOwnFieldsDoNotShadowIt(t *testing.T) {
	var fields strings.Builder
	for _, name := range []string{
		"action", "append", "attributes", "closest", "elements", "getAttribute", "hasAttribute", "matches", "method",
		"requestSubmit", "setAttribute", "submit", "target",
	} {
		fmt.Fprintf(&fields, `<input type=hidden name=%s value=x>`, name)
	}
	for name, refused := range map[string]bool{"done": false, "refused and submitted the plain way": true} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.app = `<form method=post action=/logout data-passport-logout>` + fields.String() + `<button id=mine>x</button></form>`
			got := make(chan int, 2)
			l.post = func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				got <- len(r.PostForm)
				if refused {
					http.Error(w, "no", http.StatusForbidden)
					return
				}
				a := l.answer
				a.ReturnTo = "/bye"
				_ = json.NewEncoder(w).Encode(a)
			}
			tab := l.open()
			tab.Click("#mine")
			if refused {
				tab.WaitURL(l.at(appHost, "/logout"))
				require.Len(t, l.requests("app.localhost/logout"), 2)
				assert.Equal(t, 13, <-got)
			} else {
				tab.WaitURL(l.at(appHost, "/bye"))
				assert.Len(t, l.requests("/v2/logout"), 1)
			}
			assert.Equal(t, 13, <-got)
		})
	}
}

func TestABaseOfAnotherOriginTakesNothing(t *testing.T) {
	for name, refused := range map[string]bool{"done": false, "refused and submitted the plain way": true} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.policy = ""
			l.app = `<base href="` + l.at(evilHost, "/") + `">`
			l.other = l.answersFalsely
			if refused {
				l.post = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }
			}
			tab := l.open()
			tab.Click("button")
			if refused {
				tab.WaitURL(l.at(appHost, "/logout"))
			} else {
				tab.WaitURL(l.at(appHost, "/bye"))
			}
			for _, line := range l.requests("") {
				assert.NotContains(t, line, evilHost)
			}
		})
	}
}

// A base of the page's own is one to go by.
func TestABaseOfThisOriginIsHeeded(t *testing.T) {
	l := newLab(t)
	l.app = `<base href="/shop/"><form method=post action=out data-passport-logout><button id=mine>x</button></form>`
	l.other = func(w http.ResponseWriter, r *http.Request) { l.serveLogout(w, r) }
	tab := l.open()
	tab.Run(`document.addEventListener("passport:logout", e => e.preventDefault())`)
	tab.Click("#mine")
	tab.Wait(`events.length`)
	assert.Equal(t, []string{"POST app.localhost/shop/out"}, l.requests("/out"))
}

// Whatever an answer says, the page goes to http and https, and for returnTo to
// this origin, and nowhere else.
func TestAnAnswerLeadsOnlyToWebPages(t *testing.T) {
	for _, url := range []string{"javascript:void(window.ran = true)", "data:text/html,x", "/v2/logout", "", " https://x"} {
		t.Run(url, func(t *testing.T) {
			l := newLab(t)
			l.policy = ""
			l.answer.Mode, l.answer.URL = "redirect", url
			tab := l.open()
			assert.Equal(t, outcome{
				App: "unconfirmed", Passport: "unconfirmed", Reason: "unavailable",
				Name: "PassportLogoutError", Message: "passport: logout not completed: unavailable",
			}, Eval[outcome](tab, settle(`passport.logout()`)))
			assert.False(t, Eval[bool](tab, `Boolean(window.ran)`))
		})
	}
	for _, to := range []string{"javascript:void(window.ran = true)", "//evil.localhost/x", "http://evil.localhost/x", "data:text/html,x"} {
		t.Run("back to "+to, func(t *testing.T) {
			l := newLab(t)
			l.policy = ""
			l.post = func(w http.ResponseWriter, _ *http.Request) {
				a := l.answer
				a.ReturnTo = to
				_ = json.NewEncoder(w).Encode(a)
			}
			tab := l.open()
			tab.Run(`window.old = true`)
			tab.Click("button")
			tab.Wait(`!window.old && document.readyState === "complete"`)
			assert.Equal(t, l.at(appHost, "/"), tab.URL(), "loaded again")
		})
	}
}

// What is posted to another origin is the browser's business, and its policy's.
func TestAFormOfAnotherOriginIsLeftToTheBrowser(t *testing.T) {
	l := newLab(t)
	l.policy = ""
	l.app = `<form method=post action="` + l.at(evilHost, "/") + `" data-passport-logout><button id=mine>x</button></form>`
	tab := l.open()
	tab.Click("#mine")
	tab.WaitURL(l.at(evilHost, "/"))
	assert.Equal(t, []string{"POST evil.localhost/"}, l.requests("evil.localhost/"))
}

// Two copies of the script are one: the second would tell this page that another
// tab has signed out.
func TestTwoCopiesOfTheScriptAreOne(t *testing.T) {
	l := newLab(t)
	l.app = `<script src="/passport.js" data-logout="/logout" defer></script>`
	profile := Open(t, Blocked)
	tab, other := l.openIn(profile), l.openIn(profile)
	Eval[outcome](tab, settle(`passport.logout()`))
	other.Wait(`events.length`)
	Eval[any](other, `new Promise(resolve => setTimeout(resolve))`)
	assert.Len(t, Eval[[]any](other, `events`), 1)
	remote := Eval[[]bool](tab, `events.map(e => e.remote)`)
	assert.Equal(t, []bool{false}, remote)
}
