package browsertest

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/passport-go/passport"
	"github.com/stretchr/testify/assert"
)

// The tabs of a window that is opened again begin their logins before any of
// them has an answer.
func TestTabsThatAreOpenedAtOnceAllSignIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	var begun sync.WaitGroup
	s.mux.HandleFunc("GET /private", func(w http.ResponseWriter, r *http.Request) {
		begun.Done()
		begun.Wait()
		s.p.StartLogin(w, r, passport.LoginOptions{ReturnTo: "/away?" + r.URL.RawQuery})
	})
	profile := Open(t, Blocked)
	tabs := map[string]*Tab{"one": profile.Tab(), "two": profile.Tab(), "three": profile.Tab()}
	begun.Add(len(tabs))
	for name, tab := range tabs {
		tab.Run(`setTimeout(() => location.href = "` + s.at("/private?"+name) + `")`)
	}
	for name, tab := range tabs {
		tab.WaitURL(s.at("/away?" + name))
		tab.Go(s.at("/"))
		assert.Equal(t, "alice@example.com", who(tab), name)
	}
}

// A frame of the site's own, such as a widget, whose user is signed in nowhere any more.
func TestAFrameWithoutASessionLeadsOutOfItself(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.mux.Handle("GET /widget", s.p.RequireLogin(http.HandlerFunc(s.home)))
	s.policy += "; frame-ancestors 'self'"
	tab := Open(t, Blocked).Tab()
	tab.Go(s.at("/"))
	tab.Run(`document.body.insertAdjacentHTML("beforeend", '<iframe id="widget" src="/widget"></iframe>')`)
	const inside = `document.getElementById("widget").contentDocument?.querySelector("a")`
	tab.Wait(inside + `?.textContent === "Sign in again"`)
	tab.Run(inside + `.click()`)
	tab.WaitURL(s.at("/"))
	tab.Wait(`document.getElementById("who")?.textContent === "alice@example.com"`)
}

// A service worker that answers from the network, as many do, asks for a page without
// saying that it is a document. So do all three engines.
func TestALoginAndALogoutThroughAServiceWorker(t *testing.T) {
	s := newSite(t, "auth.localhost", redirect)
	s.policy += "; worker-src 'self'"
	s.mux.HandleFunc("GET /worker.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, `
			addEventListener("activate", (e) => e.waitUntil(clients.claim()));
			addEventListener("fetch", (e) => e.respondWith(fetch(e.request)));`)
	})
	tab := Open(t, Blocked).Tab()
	tab.Go(s.at("/"))
	tab.Run(`navigator.serviceWorker.register("/worker.js")`)
	tab.Wait(`navigator.serviceWorker.controller !== null`)
	tab.Run(`setTimeout(() => location.href = "/login")`)
	tab.Wait(`document.getElementById("who")?.textContent === "alice@example.com"`)
	tab.Run(`document.querySelector("form").removeAttribute("data-passport-logout")`)
	tab.Click("button")
	tab.Wait(`document.getElementById("who")?.textContent === "nobody"`)
	assert.Len(t, s.auth.Requests("/v2/logout"), 1)
}
