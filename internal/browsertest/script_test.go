package browsertest

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSilentLogoutLeavesThePageAsItWas(t *testing.T) {
	l := newLab(t)
	tab := l.open()
	before := tab.History()
	tab.Run(`window.shifts = 0;
		new PerformanceObserver(list => shifts += list.getEntries().length).observe({type: "layout-shift", buffered: true});
		window.frames_ = [];
		new MutationObserver(list => list.forEach(m => frames_.push(...[...m.addedNodes].map(n => "+" + n.nodeName), ...[...m.removedNodes].map(n => "-" + n.nodeName))))
			.observe(document, {childList: true, subtree: true})`)

	earlier := len(l.requests(""))
	got := Eval[outcome](tab, settle(`passport.logout()`))
	assert.Equal(t, outcome{Mode: "silent", App: "done", Revocation: "done", Passport: "done", URL: l.answer.URL}, got)

	tab.Wait(`frames.length === 0`) // the frame goes right after the caller is told
	assert.Equal(t, []string{"+IFRAME", "-IFRAME"}, Eval[[]string](tab, `frames_`))
	assert.Equal(t, before, tab.History())
	assert.Zero(t, Eval[int](tab, `new Promise(resolve => requestAnimationFrame(() => setTimeout(() => resolve(shifts))))`))
	assert.Equal(t, []string{
		"POST app.localhost/logout",
		"GET auth.localhost/v2/logout",
		"GET callback.app.localhost/silent-logout",
	}, l.requests("")[earlier:], "the iframe asks for nothing but the callback page")
	assert.Equal(t, []map[string]any{{
		"type": "passport:logout", "remote": false, "mode": "silent",
		"app": "done", "revocation": "done", "passport": "done", "url": l.answer.URL,
	}}, Eval[[]map[string]any](tab, `events`))

	tab.Run(`document.querySelector("h1").style.marginTop = "200px"`)
	tab.Wait(`shifts`) // a shift would have been noticed
}

// The iframe must not show, however a page styles its iframes.
func TestSilentLogoutIsInvisible(t *testing.T) {
	l := newLab(t)
	l.logout, _ = held(t, l.logout)
	tab := l.open()
	tab.Run(`const sheet = new CSSStyleSheet();
		sheet.replaceSync("iframe { display: block !important; visibility: visible !important; width: 100% }");
		document.adoptedStyleSheets = [sheet]; void passport.logout()`)
	tab.Wait(`document.querySelector("iframe")`)
	assert.Equal(t, "none", Eval[string](tab, `getComputedStyle(document.querySelector("iframe")).display`))
}

func TestSilentLogoutSaysUnconfirmedUnlessTheCallbackSaysDone(t *testing.T) {
	l := newLab(t)
	l.done = false
	assert.Equal(t, "unconfirmed", Eval[outcome](l.open(), settle(`passport.logout()`)).Passport)
}

// A callback of another make, the JavaScript SDK's own for one, completes the
// logout, and proves nothing.
func TestSilentLogoutTakesAMessageWithoutAStatusForUnconfirmed(t *testing.T) {
	l := newLab(t)
	l.answer.Callback = l.at(authHost, "")
	l.logout = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<script>parent.postMessage({source: "oidc-client", url: "x", keepOpen: false}, "*")</script>`))
	}
	assert.Equal(t, outcome{Mode: "silent", App: "done", Revocation: "done", Passport: "unconfirmed", URL: l.answer.URL},
		Eval[outcome](l.open(), settle(`passport.logout()`)))
}

func TestRedirectLogoutGoesToTheAuthDomain(t *testing.T) {
	l := newLab(t)
	l.answer.Mode = "redirect"
	var release func()
	l.logout, release = held(t, l.logout)
	tab := l.open()
	got := Eval[outcome](tab, settle(`passport.logout()`)) // the page is still there to say so
	release()
	assert.Equal(t, outcome{Mode: "redirect", App: "done", Revocation: "done", Passport: "pending", URL: l.answer.URL}, got)
	// The callback, at top level, goes on to the parent URL.
	tab.WaitURL(l.at(appHost, "/"))
	assert.Equal(t, []string{"GET auth.localhost/v2/logout"}, l.requests("/v2/logout"))
	assert.Len(t, tab.History(), 3, "blank, the app, and the app again: nothing in between")
}

func TestLogoutTwiceAtOnceIsOne(t *testing.T) {
	l := newLab(t)
	var release func()
	l.logout, release = held(t, l.logout)
	tab := l.open()
	tab.Run(`window.first = passport.logout(); window.second = passport.logout()`)
	tab.Wait(`frames.length`)
	tab.Run(`window.third = passport.logout()`)
	release()

	assert.True(t, Eval[bool](tab, `Promise.all([first, second, third]).then(([a, b, c]) => a === b && b === c)`))
	assert.Len(t, l.requests("localhost/v2/logout"), 1)
	assert.Len(t, l.requests("app.localhost/logout"), 1)
	assert.Len(t, Eval[[]any](tab, `events`), 1)

	assert.Equal(t, "done", Eval[outcome](tab, settle(`passport.logout()`)).App)
	assert.Len(t, l.requests("app.localhost/logout"), 2, "a later one is another")
}

func TestLogoutPostsWhereItIsTold(t *testing.T) {
	l := newLab(t)
	tab := l.open()
	got := Eval[outcome](tab, settle(`passport.logout({path: "/logout?x=1", body: new URLSearchParams({return_to: "/there"})})`))
	assert.Equal(t, "/there", got.ReturnTo)
	assert.Equal(t, l.at(appHost, "/"), tab.URL(), "only a form's logout goes there")
}

// finish is for programs that make the request themselves.
func TestFinishDoesWhatAnAnswerAsksFor(t *testing.T) {
	l := newLab(t)
	got := Eval[outcome](l.open(), settle(`fetch("/logout", {method: "POST", headers: {Accept: "application/json"}})
		.then(r => r.json()).then(passport.finish)`))
	assert.Equal(t, "done", got.Passport)
}

// Nobody is said to be signed out when the program did not say so.
func TestLogoutWithoutAnAnswerRejects(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"forbidden": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "cross-origin request", http.StatusForbidden)
		},
		"broken":               func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", http.StatusInternalServerError) },
		"JSON of another kind": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"error": "x"}`)) },
		"null":                 func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`null`)) },
		"cut":                  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"sent to a login page": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) },
		"sent elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.localhost", http.StatusTemporaryRedirect)
		},
	}
	profile := Open(t, Blocked)
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.post = answer
			tab, other := l.openIn(profile), l.openIn(profile)
			got := Eval[outcome](tab, settle(`passport.logout()`))
			assert.Equal(t, outcome{
				App: "unconfirmed", Passport: "unconfirmed", Reason: "unavailable",
				Name: "PassportLogoutError", Message: "passport: logout not completed: unavailable",
			}, got)
			assert.Equal(t, []string{"passport:error"}, Eval[[]string](tab, `events.map(e => e.type)`))
			assert.Zero(t, Eval[int](tab, `frames.length`))
			assert.Empty(t, l.requests("/v2/logout"))
			assert.Empty(t, Eval[[]any](other, `events`))
		})
	}
}

// The store was down: the Passport session can end all the same, but the
// logout as a whole has failed.
func TestLogoutThatTheProgramCouldNotDoRejectsInTheEnd(t *testing.T) {
	l := newLab(t)
	l.status, l.answer.App, l.answer.Revocation = http.StatusServiceUnavailable, "failed", "pending"
	profile := Open(t, Blocked)
	tab, other := l.openIn(profile), l.openIn(profile)
	got := Eval[outcome](tab, settle(`passport.logout()`))
	assert.Equal(t, "app", got.Reason)
	assert.Equal(t, "failed", got.App)
	assert.Equal(t, "done", got.Passport)
	assert.Empty(t, Eval[[]any](other, `events`))
}

func TestOtherTabsAreTold(t *testing.T) {
	l := newLab(t)
	profile := Open(t, Blocked)
	tab, other, stranger := l.openIn(profile), l.openIn(profile), l.open()
	Eval[outcome](tab, settle(`passport.logout()`))
	other.Wait(`events.length`)
	assert.Equal(t, []map[string]any{{"type": "passport:logout", "remote": true}}, Eval[[]map[string]any](other, `events`))
	assert.Len(t, Eval[[]any](tab, `events`), 1)
	assert.Empty(t, Eval[[]any](stranger, `events`))
}

// Otherwise two tabs whose pages answer the event with a logout of their own
// would go on for ever.
func TestOtherTabsAreNotToldOfALogoutThatFoundNobody(t *testing.T) {
	l := newLab(t)
	l.answer.App = "skipped"
	profile := Open(t, Blocked)
	tab, other := l.openIn(profile), l.openIn(profile)
	other.Run(`new BroadcastChannel("passport").onmessage = e => window.last = e.data`)
	Eval[outcome](tab, settle(`passport.logout()`))
	tab.Run(`new BroadcastChannel("passport").postMessage("last")`)
	other.Wait(`window.last === "last"`)
	assert.Empty(t, Eval[[]any](other, `events`))
}

// An answer counts if it is the program's own.
func TestLogoutTakesNoAnswerFromAnotherOrigin(t *testing.T) {
	l := newLab(t)
	l.policy = ""
	l.post = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, l.at(evilHost, "/answer"), http.StatusSeeOther)
	}
	l.other = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_ = json.NewEncoder(w).Encode(l.answer)
	}
	assert.Equal(t, "unavailable", Eval[outcome](l.open(), settle(`passport.logout()`)).Reason)
}

// The request outlives the page that made it.
func TestClosingTheTabDoesNotStopTheLogout(t *testing.T) {
	l := newLab(t)
	begun, proceed, cancelled := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	l.post = func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-proceed
		cancelled <- r.Context().Err()
	}
	profile := Open(t, Blocked)
	tab := l.openIn(profile)
	tab.Run(`void passport.logout().catch(() => {})`)
	<-begun
	tab.Close()
	l.openIn(profile) // by now a request that ends with its page would have
	close(proceed)
	assert.NoError(t, <-cancelled)
}
