package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport/passporttest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keeping is how a browser keeps the page /inventory for the back button.
type keeping struct{ cacheControl, script string }

var keepings = map[string]keeping{
	"as they come":            {},
	"that stay alive":         {cacheControl: "private, max-age=0"},
	"that only the cache has": {cacheControl: "private, max-age=0", script: `addEventListener("unload", () => {})`},
}

// inventory adds the page to a site, and counts how often it is asked for.
func (s *site) inventory(k keeping) *atomic.Int32 {
	s.policy = strings.Replace(s.policy, "script-src 'self'", "script-src 'self' 'unsafe-inline'", 1)
	var asked atomic.Int32
	s.mux.HandleFunc("GET /inventory", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if k.cacheControl != "" {
			w.Header().Set("Cache-Control", k.cacheControl)
		}
		s.home(w, r)
		fmt.Fprintf(w, "<script>%s</script>", k.script)
	})
	return &asked
}

const signedOutInventory = `location.pathname === "/inventory" && document.querySelector("#who").textContent === "nobody"`

// The back button shows nothing personal after a logout in another tab, which a page that
// is gone cannot hear of.
func TestBackButtonShowsNothingPersonalAfterALogoutInAnotherTab(t *testing.T) {
	for kept, k := range keepings {
		t.Run("pages "+kept, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.inventory(k)
			profile := Chromium.Open(t)
			tab, other := s.signedIn(profile), profile.Tab()
			tab.Go(s.at("/inventory"))
			require.Equal(t, "alice@example.com", who(tab))
			tab.Run(`location.href = "/away"`)
			tab.WaitURL(s.at("/away"))
			other.Go(s.at("/"))
			other.Click("button")
			other.Wait(`location.search === "?bye" && document.querySelector("#who")`)

			tab.Back()
			tab.Wait(signedOutInventory)
		})
	}
}

// A user may leave the page before the logout's answer comes.
func TestBackButtonShowsNothingPersonalAfterAPageLeftInHaste(t *testing.T) {
	for kept, k := range keepings {
		t.Run("pages "+kept, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.inventory(k)
			asked, answer := make(chan struct{}), make(chan struct{})
			s.mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
				close(asked)
				<-answer
				s.p.Logout(w, r)
			})
			tab := s.signedIn(Chromium.Open(t))
			tab.Go(s.at("/inventory"))
			require.Equal(t, "alice@example.com", who(tab))
			tab.Run(`void passport.logout({path: "/slow"})`)
			<-asked
			tab.Run(`location.href = "/away"`)
			tab.WaitURL(s.at("/away"))
			close(answer)
			require.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 }, patience, 5*time.Millisecond)

			tab.Back()
			tab.Wait(signedOutInventory)
		})
	}
}

// Without this the tests above would prove less than they say. It also shows
// that the back button is as quick as ever where nobody has signed out.
func TestBrowserDoesKeepPages(t *testing.T) {
	for kept, alive := range map[string]bool{"that stay alive": true, "that only the cache has": false} {
		t.Run(kept, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			asked := s.inventory(keepings[kept])
			tab := s.signedIn(Chromium.Open(t))
			tab.Go(s.at("/inventory"))
			tab.Run(`window.kept = true`)
			tab.Run(`location.href = "/away"`)
			tab.WaitURL(s.at("/away"))
			tab.Back()
			tab.WaitURL(s.at("/inventory"))
			assert.Equal(t, alive, Eval[bool](tab, `window.kept === true`))
			assert.EqualValues(t, 1, asked.Load())
		})
	}
}

// Nobody else signs a user out, be it a stranger's site or another host of the
// same one, to whose requests browsers do add the cookie.
func TestNobodyElseLogsTheUserOut(t *testing.T) {
	for _, evil := range []string{"evil.localhost", "evil.app.localhost"} {
		t.Run(evil, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			s.mux.HandleFunc("GET "+evil+"/", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprintf(w, `<link rel="prefetch" href="%[1]s"><form id="f" method="post" action="%[1]s"></form>
					<iframe name="inner"></iframe>`, s.at("/logout"))
			})
			profile := Open(t, Allowed)
			tab := s.signedIn(profile)
			attacker := profile.Tab()
			attacker.Go(strings.Replace(s.at("/"), appHost, evil, 1))
			attacker.Run(fmt.Sprintf(`window.tried = Promise.allSettled([
				fetch(%[1]q, {method: "POST", mode: "no-cors", credentials: "include"}),
				fetch(%[1]q, {method: "POST", mode: "cors", credentials: "include", headers: {Accept: "application/json"}}),
				fetch(%[1]q, {mode: "no-cors", credentials: "include"}),
				new Promise(done => Object.assign(new Image(), {onerror: done, src: %[1]q})),
			]).then(() => true)`, s.at("/logout")))
			assert.True(t, Eval[bool](attacker, `tried`))
			attacker.Run(`f.target = "inner"; document.querySelector("iframe").onload = () => window.framed = true; f.submit()`)
			attacker.Wait(`window.framed`)
			attacker.Run(`f.target = ""; f.submit()`)
			attacker.WaitURL(s.at("/logout"))
			assert.NotContains(t, attacker.Text(), "alice")

			tab.Go(s.at("/"))
			assert.Equal(t, "alice@example.com", who(tab))
			assert.Len(t, s.auth.Sessions(), 1)
		})
	}
}

// A logout that is in doubt stays so, whoever sends the browser to where a
// logout comes back to: the next login must not let the user straight in.
func TestNobodyElseSettlesALogoutThatIsInDoubt(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.mux.HandleFunc("GET evil.localhost/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<a href="%s">go</a>`, s.at("/silent-logout"))
	})
	tab := s.signedIn(Open(t, Blocked))
	require.Equal(t, "unconfirmed", Eval[outcome](tab, settle(`passport.logout()`)).Passport)

	tab.Go(strings.Replace(s.at("/"), appHost, evilHost, 1))
	tab.Click("a")
	tab.WaitURL(s.at("/"))
	s.signIn(tab)
	assert.Equal(t, []string{"", "login"}, s.prompts())
}

func TestSignInThatIsRefusedEndsOnAnHonestPage(t *testing.T) {
	s := newSite(t, "auth.localhost")
	refused := s.auth.Inject(passporttest.Fault{Path: "/authorize", Error: "access_denied"})
	tab := Open(t, Blocked).Tab()
	tab.Go(s.at("/login"))
	assert.Contains(t, tab.Text(), "You are not signed in")
	for _, line := range tab.Console() {
		assert.NotContains(t, line, "Content Security Policy")
	}
	tab.Screenshot("error")
	tab.Dark()
	tab.Screenshot("error-dark")

	refused()
	tab.Click("a.button")
	tab.WaitURL(s.at("/"))
	assert.Equal(t, "alice@example.com", who(tab))
}

// A page that uses the JavaScript SDK gets its message from our callback.
func TestCallbackCompletesASilentLogoutOfTheJavaScriptSDK(t *testing.T) {
	for _, in := range situations {
		t.Run(in.name, func(t *testing.T) {
			s := newSite(t, in.auth)
			tab := s.signedIn(Open(t, in.cookies))
			got := Eval[map[string]any](tab, fmt.Sprintf(javascriptSDK, s.p.LogoutURL()))
			assert.Equal(t, "oidc-client", got["source"])
			assert.Equal(t, s.at("/"), got["url"])
			assert.Equal(t, false, got["keepOpen"])
			assert.Equal(t, in.ends, len(s.auth.Sessions()) == 0)
		})
	}
}

// What the JavaScript SDK's page does in a silent logout, as far as the callback
// is concerned: the iframe, and which messages end it how.
const javascriptSDK = `new Promise((resolve, reject) => {
	const frame = document.createElement("iframe");
	addEventListener("message", e => {
		if (e.origin !== location.origin || e.source !== frame.contentWindow || e.data?.source !== "oidc-client") return;
		const query = new URL(e.data.url).searchParams;
		if (query.has("error") || query.has("state")) reject(new Error("took it for an answer of the auth domain"));
		else resolve(e.data);
		frame.remove();
	});
	setTimeout(() => reject(new Error("IFrame timed out without a response")), 10000);
	frame.src = %q;
	document.body.append(frame);
})`

// A browser may fetch a page before its link is clicked (speculation rules), whatever its
// Cache-Control. What it has fetched before a logout is not shown after it.
func TestALinkShowsNothingPersonalThatWasFetchedBeforeALogout(t *testing.T) {
	s := newSite(t, "auth.localhost")
	asked := s.inventory(keeping{cacheControl: "no-store"})
	tab := s.signedIn(Chromium.Open(t))
	tab.Go(s.at("/away"))
	tab.Run(`document.head.append(Object.assign(document.createElement("script"), {
		type: "speculationrules", textContent: '{"prefetch": [{"source": "list", "urls": ["/inventory"]}]}'}))`)
	await(t, "the page", func() bool { return asked.Load() == 1 })
	require.Equal(t, "done", Eval[outcome](tab, settle(`passport.logout()`)).App)
	tab.Run(`setTimeout(() => location.href = "/inventory")`)
	tab.WaitURL(s.at("/inventory"))
	assert.Equal(t, "nobody", who(tab))
}
