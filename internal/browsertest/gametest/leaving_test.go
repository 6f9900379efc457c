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

// elsewhere serves a page of the site that has no game.
func (s *site) elsewhere() string {
	s.mux.HandleFunc("GET /elsewhere", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>elsewhere</title>`)
	})
	return s.origin + "/elsewhere"
}

// busy keeps the page's database busy until the page is left, so that nothing more
// is written to it.
const busy = `new Promise(resolve => indexedDB.databases().then(([{name}]) => {
	indexedDB.open(name).onsuccess = e => {
		const store = e.target.result.transaction("document", "readwrite").objectStore("document");
		const goOn = () => { store.get("nothing").onsuccess = goOn; resolve(true) };
		goOn();
	};
}))`

func logoutWhosePageIsLeftAtOnceIsNotLost(t *testing.T) {
	s := newSite(t, "auth.localhost")
	elsewhere := s.elsewhere()
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	browsertest.Eval[bool](g.Tab, busy)
	g.Run(`void game.logout(); location.assign("/elsewhere")`)
	g.WaitURL(elsewhere)
	assert.Empty(t, g.stored(), "the session goes first")
	g.home()
	assert.Equal(t, nobody, g.who())
	assert.True(t, g.unfinished())
	s.revoked()
	assert.Equal(t, []string{}, browsertest.Eval[[]string](g.Tab, `Object.keys(localStorage)`), "nothing is left behind")
	g.signIn()
	assert.Equal(t, []string{"", "login"}, s.prompts())
}

func loginThatWasBegunBeforeALogoutSignsNobodyIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	other := s.open(profile)
	g := s.open(profile)
	g.login()
	require.Equal(t, "skipped", other.logout().App)
	assert.Contains(t, browsertest.Eval[string](g.Tab, `game.callback().then(() => "signed in", e => e.message)`), passport.ErrNoLogin.Error())
	assert.Equal(t, nobody, g.who())
	g.signIn()
}

// A refresh of the JavaScript SDK's that was under way writes the session back.
const (
	keep      = `window.key = Object.keys(localStorage).find(key => key.startsWith("oidc.user:")); window.item = localStorage[key]`
	writeBack = `localStorage[key] = JSON.stringify({...JSON.parse(item), refresh_token: "refreshed"})`
)

func TestSessionThatAScriptWritesBackIsEndedAtOnce(t *testing.T) {
	s := newSite(t, "auth.localhost")
	elsewhere := s.elsewhere()
	profile := browsertest.Open(t, browsertest.Blocked)
	other := game{profile.Tab(), s}

	g := s.signedIn(profile)
	other.Go(elsewhere)
	for _, where := range []game{g, other} {
		where.Run(keep)
	}
	require.Equal(t, "done", g.logout().App)
	for _, where := range []game{g, other} {
		where.Run(writeBack)
		where.Wait(`!localStorage[key]`)
	}

	g.signIn()
	other.Run(keep)
	require.Equal(t, "done", g.logout().App)
	g.Go(elsewhere)
	other.Run(writeBack)
	g.home()
	assert.Empty(t, g.stored(), "before anything is drawn")
	assert.Equal(t, nobody, g.who())
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
}

// To the letter, and while the game is still busy with the time before.
func TestSessionThatIsWrittenBackWhileItIsBeingEndedIsEndedToo(t *testing.T) {
	s := newSite(t, "auth.localhost")
	elsewhere := s.elsewhere()
	profile := browsertest.Open(t, browsertest.Blocked)
	other := game{profile.Tab(), s}
	g := s.signedIn(profile)
	other.Go(elsewhere)
	other.Run(keep)
	other.Run(`window.times = 30; addEventListener("storage", e => {
		if (e.key === key && !e.newValue && times > 0) { times--; ` + writeBack + ` }
	})`)
	require.Equal(t, "done", g.logout().App)
	other.Wait(`times === 0 && !localStorage[key]`)
	assert.Equal(t, nobody, g.who())
}

// breakPuts makes puts to the page's database fail until unbroken() is called. which is
// true for those, by their number n.
func (g game) breakPuts(which string) {
	g.s.t.Helper()
	g.Run(`{
		const put = IDBObjectStore.prototype.put;
		let n = 0;
		IDBObjectStore.prototype.put = function (...args) {
			n++;
			if (` + which + `) throw new DOMException("", "UnknownError");
			return put.apply(this, args);
		};
		window.unbroken = () => { IDBObjectStore.prototype.put = put };
	}`)
}

// The session has ended in the database, and the page is lost before the logout is
// noted there.
func TestLogoutThatIsNotNotedIsMadeUpForByTheNextPage(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
	g.breakPuts(`n > 1`)
	require.Equal(t, "done", g.logout().App)
	assert.True(t, g.unfinished(), "though it could not be noted")
	g.home()
	assert.True(t, g.unfinished())
	assert.Equal(t, nobody, g.who())
	s.revoked()
	assert.Equal(t, []string{}, browsertest.Eval[[]string](g.Tab, `Object.keys(localStorage)`), "nothing is left behind")
}

// In the same page, whatever failed of the logout.
func TestLogoutThatIsNotNotedIsMadeUpForByTheNextLogin(t *testing.T) {
	for name, broken := range map[string]string{
		"first put":         `n === 1`,
		"second put":        `n === 2`,
		"third put":         `n === 3`,
		"all but the first": `n > 1`,
		"all puts":          `true`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			g := s.signedIn(browsertest.Open(t, browsertest.Blocked))
			g.breakPuts(broken)
			require.Equal(t, "done", g.logout().App)
			g.Run(`unbroken()`)
			g.signIn()
			assert.Equal(t, []string{"", "login"}, s.prompts())
			assert.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 1 },
				revokedWithin, pollEvery, "only the new session's is left")
		})
	}
}

// Each takes a slow machine about 20 ms: the session's end, the note, the end of the
// revocation, and the state that its return is known by.
func TestSilentLogoutTakesFewTransactions(t *testing.T) {
	s := newSite(t, "auth.localhost")
	s.config["RevocationWait"] = patience
	profile := browsertest.Open(t, browsertest.Blocked)
	s.signedIn(profile)
	s.config["Ahead"] = 11 * time.Minute // past the life of a login, which would have to be stopped
	g := s.open(profile)
	require.NotEqual(t, nobody, g.who())
	transactions := browsertest.Eval[int](g.Tab, `(async () => {
		const begin = IDBDatabase.prototype.transaction;
		let begun = 0;
		IDBDatabase.prototype.transaction = function (...args) {
			begun++;
			return begin.apply(this, args);
		};
		await game.logout();
		return begun;
	})()`)
	assert.Positive(t, transactions)
	assert.LessOrEqual(t, transactions, 5)
}
