package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What would end a silent logout, or make the JavaScript SDK reject it, if it
// came from the right window of the right origin.
const (
	forged = `{source: "oidc-client", url: "x", keepOpen: false, passport: "done"}`
	failed = `{source: "oidc-client", url: "", keepOpen: false}`
)

// pendingLogout shows the app with a silent logout under way, which the test
// lets go on when it has tried to disturb it.
func pendingLogout(t *testing.T, l *lab) (tab *Tab, profile *Profile, release func()) {
	l.done = false // so that a forged "done" shows
	l.logout, release = held(t, l.logout)
	profile = Open(t, Allowed)
	tab = l.openIn(profile)
	tab.Run(`window.heard = []; addEventListener("message", e => heard.push(e.origin));
		window.pending = passport.logout(); window.settled = false;
		void pending.catch(() => {}).then(() => settled = true)`)
	tab.Wait(`frames.length === 1`)
	return tab, profile, release
}

// undisturbed asserts that the logout is still under way, and ends as it
// should.
func undisturbed(t *testing.T, tab *Tab, release func()) {
	t.Helper()
	assert.False(t, Eval[bool](tab, `settled`))
	assert.Equal(t, 1, Eval[int](tab, `document.querySelectorAll("iframe[style]").length`))
	release()
	got := Eval[outcome](tab, settle(`pending`))
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.Empty(t, got.Reason)
}

// The callback's origin is often the page's own.
func TestMessagesFromThePageItselfEndNothing(t *testing.T) {
	l := newLab(t)
	l.callbackAt(appHost)
	l.policy = ""
	tab, _, release := pendingLogout(t, l)
	tab.Run(`postMessage(` + forged + `, "*"); postMessage(` + failed + `, "*")`)
	tab.Wait(`heard.length === 2`)

	// Made by a script, with the right origin and the right source.
	tab.Run(fmt.Sprintf(`dispatchEvent(new MessageEvent("message", {origin: %q, source: frames[0], data: %s}))`, l.answer.Callback, forged))
	tab.Run(fmt.Sprintf(`document.dispatchEvent(new SecurityPolicyViolationEvent("securitypolicyviolation",
		{disposition: "enforce", effectiveDirective: "frame-src", blockedURI: %q}))`, l.answer.URL))
	undisturbed(t, tab, release)
}

func TestMessagesFromAnotherFrameEndNothing(t *testing.T) {
	l := newLab(t)
	l.evil = `<script>parent.postMessage(` + forged + `, "*"); parent.postMessage(` + failed + `, "*")</script>`
	l.policy = ""
	tab, _, release := pendingLogout(t, l)
	tab.Run(fmt.Sprintf(`{ const f = document.createElement("iframe"); f.src = %q; document.body.append(f) }`, l.at(evilHost, "/")))
	tab.Wait(`heard.length === 2`)
	undisturbed(t, tab, release)
}

// The callback page itself, but in an iframe that is not the logout's: the
// right origin from the wrong window.
func TestTheCallbackInAnotherFrameEndsNothing(t *testing.T) {
	l := newLab(t)
	tab, _, release := pendingLogout(t, l)
	tab.Run(fmt.Sprintf(`{ const f = document.createElement("iframe"); f.src = %q; document.body.append(f) }`, l.at(callbackHost, "/silent-logout")))
	tab.Wait(`heard.length === 1`)
	undisturbed(t, tab, release)
}

// The auth domain's page, in the logout's own iframe: the right window, but not
// the origin that the callback is served from.
func TestMessagesOfTheAuthDomainEndNothing(t *testing.T) {
	l := newLab(t)
	direct := l.logout
	gate, release := held(t, direct)
	l.logout = func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("next") != "" {
			gate(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<script>parent.postMessage(%s, "*"); parent.postMessage(%s, "*"); location.search += "&next=1"</script>`, forged, failed)
	}
	l.done = false
	tab := l.open()
	tab.Run(`window.heard = 0; addEventListener("message", () => heard++); window.settled = false;
		window.pending = passport.logout(); void pending.catch(() => {}).then(() => settled = true)`)
	tab.Wait(`heard === 2`)
	undisturbed(t, tab, release)
}

func TestAHostileOpenerEndsNothing(t *testing.T) {
	l := newLab(t)
	l.done = false
	var release func()
	l.logout, release = held(t, l.logout)
	l.evil = `<button onclick='window.app = window.open("` + l.at(appHost, "/") + `")'>open</button>`
	profile := Open(t, Allowed)
	opener := profile.Tab()
	opener.Go(l.at(evilHost, "/"))
	tab := opener.Popup(func() { opener.Click("button") })
	tab.Wait(`window.passport`)
	tab.Run(`window.heard = 0; addEventListener("message", () => heard++); window.settled = false;
		window.pending = passport.logout(); void pending.catch(() => {}).then(() => settled = true)`)
	tab.Wait(`frames.length === 1`)
	opener.Run(`app.postMessage(` + forged + `, "*"); app.postMessage(` + failed + `, "*");
		app.frames[0].postMessage(` + forged + `, "*")`)
	tab.Wait(`heard === 2`)
	undisturbed(t, tab, release)
}

// The channel carries a hint, and only to tell others.
func TestOtherTabsOfTheAppEndNothing(t *testing.T) {
	l := newLab(t)
	tab, profile, release := pendingLogout(t, l)
	other := l.openIn(profile)
	tab.Run(`window.noise = 0; for (const name of ["passport", "oidc-client-popup-undefined"])
		new BroadcastChannel(name).onmessage = () => noise++`)
	other.Run(`for (const name of ["passport", "oidc-client-popup-undefined"])
		for (const message of ["logout", "", null, {}, ` + forged + `, ` + failed + `, {url: "", keepOpen: false}])
			new BroadcastChannel(name).postMessage(message)`)
	tab.Wait(`noise === 14`)
	undisturbed(t, tab, release)
}

// In a frame this page cannot know whose cookies the iframe inside it got: they
// go by the site at the top.
func TestAnEmbeddedAppIsNeverToldDone(t *testing.T) {
	l := newLab(t)
	l.takePoliciesOff() // the callback's own would keep it from being framed here
	l.app = `<script>onload = () => passport.logout().then(o => parent.postMessage(o, "*"))</script>`
	l.evil = `<script>window.heard = []; onmessage = e => heard.push(e.data)</script><iframe src="` + l.at(appHost, "/") + `"></iframe>`
	tab := Open(t, Allowed).Tab()
	tab.Go(l.at(evilHost, "/"))
	tab.Wait(`window.heard.length`)
	assert.Equal(t, "unconfirmed", Eval[[]outcome](tab, `heard`)[0].Passport)
}

func TestNobodyElseCanFrameTheCallback(t *testing.T) {
	l := newLab(t)
	l.evil = `<script>window.heard = []; onmessage = e => heard.push(e.data)</script>
		<iframe src="` + l.at(callbackHost, "/silent-logout") + `" onload="window.loaded = true"></iframe>`
	tab := Open(t, Allowed).Tab()
	tab.Go(l.at(evilHost, "/"))
	tab.Wait(`window.loaded`)
	assert.Empty(t, Eval[[]any](tab, `heard`))
	assert.Contains(t, strings.Join(tab.Console(), "\n"), "frame-ancestors", "the browser says why it shows nothing")
}

// With the framing let through, for a browser that ignores the policy, the
// message still goes to the parent's origin alone.
func TestNobodyElseHearsTheCallback(t *testing.T) {
	l := newLab(t)
	l.takePoliciesOff()
	l.evil = `<script>window.heard = []; onmessage = e => heard.push(e.data)</script>
		<iframe src="` + l.at(callbackHost, "/silent-logout") + `" onload="window.loaded = true"></iframe>`
	tab := Open(t, Allowed).Tab()
	tab.Go(l.at(evilHost, "/"))
	tab.Wait(`window.loaded`)
	assert.Empty(t, Eval[[]any](tab, `heard`))

	app := l.open()
	assert.Equal(t, "done", Eval[outcome](app, settle(`passport.logout()`)).Passport, "the script did run")
}

// takePoliciesOff takes the Content-Security-Policy off every answer.
func (l *lab) takePoliciesOff() {
	l.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.ServeHTTP(withoutPolicy{w}, r)
	})
}

type withoutPolicy struct{ http.ResponseWriter }

func (w withoutPolicy) WriteHeader(status int) {
	w.Header().Del("Content-Security-Policy")
	w.ResponseWriter.WriteHeader(status)
}

func (w withoutPolicy) Write(b []byte) (int, error) {
	w.Header().Del("Content-Security-Policy")
	return w.ResponseWriter.Write(b)
}

// A cache between the browser and the program, such as that of a service worker, may answer
// with the callback of an earlier logout, which has done what this one has not.
func TestACallbackThatACacheHasKeptConfirmsNothing(t *testing.T) {
	l := newLab(t)
	l.callbackAt(appHost)
	first := true
	l.logout = func(w http.ResponseWriter, r *http.Request) {
		state := "second"
		if first {
			state, first = "first", false
		}
		http.Redirect(w, r, l.at(appHost, "/silent-logout?passport_logout="+state), http.StatusFound)
	}
	l.policy = strings.Replace(l.policy, l.at(callbackHost, ""), l.at(appHost, ""), 1) + "; worker-src 'self'"
	l.other = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, `
			addEventListener("activate", (e) => e.waitUntil(clients.claim()));
			addEventListener("fetch", (e) => {
				if (e.request.mode !== "navigate" || !e.request.url.includes("/silent-logout")) return;
				e.respondWith(caches.open("pages").then(async (pages) => {
					const kept = await pages.match(e.request, {ignoreSearch: true});
					if (kept) return kept;
					const fresh = await fetch(e.request);
					await pages.put(e.request, fresh.clone());
					return fresh;
				}));
			});`)
	}
	tab := l.open()
	tab.Run(`navigator.serviceWorker.register("/worker.js")`)
	tab.Wait(`navigator.serviceWorker.controller !== null`)
	assert.Equal(t, "done", Eval[outcome](tab, settle(`passport.logout()`)).Passport)
	assert.Equal(t, "unconfirmed", Eval[outcome](tab, settle(`passport.logout()`)).Passport)
	assert.Len(t, l.requests("/silent-logout"), 1)
}
