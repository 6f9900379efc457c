package gametest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// A sandbox takes away all storage: each of its getters throws.
func TestStartWithoutSiteDataIsAnError(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.mux.HandleFunc("GET /sandbox", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<script>addEventListener("message", e => { window.said = e.data })</script><iframe sandbox="allow-scripts" src="/"></iframe>`)
	})
	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	tab.Go(s.origin + "/sandbox")
	tab.Wait(`window.said`)
	assert.Contains(t, browsertest.Eval[string](tab, `said`), "allow cookies and site data for the site")
}

// block is what the browser does to a page whose user blocks site data while it
// is open.
const block = `for (const storage of ["localStorage", "sessionStorage", "indexedDB"])
	Object.defineProperty(window, storage, {configurable: true, get() { throw new DOMException("no", "SecurityError") }});
	for (const prototype of [Storage.prototype, IDBDatabase.prototype, IDBFactory.prototype])
		for (const method of ["getItem", "setItem", "removeItem", "transaction", "open"])
			if (prototype[method]) prototype[method] = () => { throw new DOMException("no", "SecurityError") }`

func TestSiteDataThatIsBlockedWhileTheGameRunsIsAnError(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	before := len(s.auth.Requests("/authorize"))
	g.Run(block)
	for _, call := range []string{`game.login("/")`, `game.email()`, `game.callback()`, `game.accessToken()`} {
		message := browsertest.Eval[string](g.Tab, call+`.then(() => "no error", e => e.message)`)
		assert.Contains(t, message, "allow cookies and site data for the site", call)
	}
	assert.Len(t, s.auth.Requests("/authorize"), before)

	got := g.logout()
	assert.Equal(t, "failed", got.App)
	assert.Equal(t, "unconfirmed", got.Passport)
	assert.Contains(t, got.Error, "allow cookies and site data for the site")
	require.Len(t, s.auth.Requests("/v2/logout"), 1, "what can be done is done")
}

func TestSiteDataThatIsBlockedInTheMiddleOfALogoutKeepsNobodySignedIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.Run(`window.over = game.logout(); ` + block)
	got := browsertest.Eval[account](g.Tab, `over`)
	assert.Equal(t, "done", got.App)
	assert.Equal(t, "unconfirmed", got.Passport)
	g.home()
	assert.Equal(t, nobody, g.who())
	assert.True(t, g.unfinished())
	s.revoked()
	assert.Empty(t, browsertest.Eval[[]string](g.Tab, `Object.keys(localStorage)`), "nothing is left behind")
}

func TestAwaitSessionAfterCloseIsAnError(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	message := browsertest.Eval[string](g.Tab, `game.close().then(() => game.awaitSession()).then(() => "signed in", e => e.message)`)
	assert.Equal(t, passport.ErrClosed.Error(), message)
}

// Such a page looks again when something has changed, and not all the time. It is not the
// page of the logout, which looks often for a while.
func TestAwaitSessionIsPatientWithAnItemThatCannotBeRemoved(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	g, other := s.signedIn(profile), s.open(profile)
	for _, tab := range []game{g, other} {
		tab.Run(`Storage.prototype.removeItem = () => { throw new DOMException("no", "SecurityError") }`)
	}
	g.logout()
	require.NotEmpty(t, g.stored())
	other.Wait(`game.email().then(() => false, () => true)`)
	got := browsertest.Eval[struct {
		Transactions int
		Settled      bool
	}](other.Tab, `(async () => {
		const begin = IDBDatabase.prototype.transaction;
		const got = {transactions: 0, settled: false};
		IDBDatabase.prototype.transaction = function (...args) {
			got.transactions++;
			return begin.apply(this, args);
		};
		game.awaitSession().catch(() => {}).finally(() => got.settled = true);
		await new Promise((done) => setTimeout(done, 1000));
		return got;
	})()`)
	assert.False(t, got.Settled)
	assert.Positive(t, got.Transactions)
	assert.LessOrEqual(t, got.Transactions, 10)
}

func TestPopupLogoutWhoseEndCannotBeStoredSaysSo(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	answer := s.auth.Inject(passporttest.Fault{Path: "/v2/logout", Hang: true})
	g.Gesture(`void (window.popup = game.logoutPopup())`)
	s.awaits("/v2/logout", 1)
	g.Run(block)
	answer()
	got := browsertest.Eval[account](g.Tab, `popup`)
	assert.Equal(t, "done", got.Passport)
	assert.Contains(t, got.Error, "allow cookies and site data for the site")
}

// A game may show what its users write: an element's name hides what document has.
func TestElementsDoNotStandInForTheBrowsersOwn(t *testing.T) {
	s := newSite(t, "auth.app.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.Run(`for (const name of ["createElement", "documentElement", "addEventListener"])
		document.body.append(Object.assign(new Image(), {name}))`)
	got := g.logout()
	assert.Equal(t, "done", got.App)
	assert.Empty(t, got.Error)
	assert.Len(t, s.auth.Requests("/v2/logout"), 1)
}

// Some browsers' databases stop answering until other pages of the site are closed. Here, a
// page keeps a transaction going, and for the game time runs twenty times as fast.
func TestADatabaseThatDoesNotAnswerIsAnErrorInTheEnd(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.mux.HandleFunc("GET /other", func(http.ResponseWriter, *http.Request) {})
	s.mux.HandleFunc("GET /fast", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<script>
			const now = performance.now.bind(performance), later = setTimeout;
			performance.now = () => now() * 20;
			window.setTimeout = (f, ms) => later(f, ms / 20);
			</script>`)
		s.page(w, s.config)
	})
	profile := browsertest.Open(t, browsertest.Blocked)
	g, other := s.signedIn(profile), s.tab(profile)
	other.Go(s.origin + "/other")
	other.Run(fmt.Sprintf(`indexedDB.open("passport-go:%s:%s").onsuccess = e => {
		const store = e.target.result.transaction("document", "readwrite").objectStore("document");
		const go = () => { window.busy = true; store.get("x").onsuccess = go };
		go();
	}`, s.auth.URL, passporttest.ClientID))
	other.Wait(`window.busy`)

	g.Go(s.origin + "/fast")
	g.ready()
	assert.Contains(t, browsertest.Eval[string](g.Tab, `game.refused`), "close other pages of the site")
	other.Run(`location.reload()`)
	g.home()
	assert.Equal(t, "alice@example.com", g.who())
}

// Programs delete the databases of their origin, to begin anew, and go on.
func TestADatabaseThatThePageHasDeletedIsMadeAnew(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	deleteDatabase := fmt.Sprintf(`new Promise((resolve, reject) => Object.assign(
		indexedDB.deleteDatabase("passport-go:%s:%s"), {onsuccess: () => resolve(true), onerror: reject}))`, s.auth.URL, passporttest.ClientID)
	g.Run(deleteDatabase)
	g.signIn()

	g.Run(deleteDatabase)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusInternalServerError})
	assert.Equal(t, "pending", g.logout().Revocation)
	lift()
	s.config["Ahead"] = 2 * time.Minute // until then, the page before might still be at it
	g.home()
	assert.Equal(t, nobody, g.who())
	s.revoked()
}
