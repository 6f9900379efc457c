package localstoragetest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/browsertest/wasmtest"
)

const (
	domain   = "https://auth.example.com"
	clientID = "app"
	userItem = "oidc.user:" + domain + ":" + clientID
)

// site is an origin whose pages have a Store: they run the tests of
// storage/localstorage, which are such a page if told so (page_js_test.go there).
type site struct {
	t       *testing.T
	origin  string
	profile *browsertest.Profile
}

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{t, wasmtest.Serve(t, wasmtest.BuildTest(t, pkg)), browsertest.Open(t, browsertest.Blocked)}
}

func (s *site) page() string { return wasmtest.Page(s.origin, "page", domain, clientID) }

// tab opens a page.
func (s *site) tab() *browsertest.Tab {
	s.t.Helper()
	tab := s.profile.Tab()
	tab.Go(s.page())
	tab.Wait(`window.store`)
	return tab
}

// user is what the pages tell of one.
type user struct {
	Subject, Token, Refresh, Extra string
	Revision                       uint64
}

// outcome is what a call to a Store came to.
func outcome(tab *browsertest.Tab, call string) string {
	return browsertest.Eval[string](tab, call+`.then(result => "ok", error => error.message)`)
}

func load(tab *browsertest.Tab) user { return browsertest.Eval[user](tab, `store.load()`) }

func idToken(subject string, issued time.Time) string {
	claims := fmt.Sprintf(`{"sub": %q, "sid": "s1", "iat": %d}`, subject, issued.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func saving(u user) string {
	return fmt.Sprintf(`store.save({Token: %q, Refresh: %q, Extra: %q, Revision: %d})`, u.Token, u.Refresh, u.Extra, u.Revision)
}

// alice signs in.
func alice(tab *browsertest.Tab) user {
	return browsertest.Eval[user](tab, saving(user{Token: idToken("alice", time.Now()), Refresh: "0", Extra: "0"}))
}

// writeBack is what the JavaScript SDK does when it has refreshed the tokens.
func writeBack(tab *browsertest.Tab, token, refresh string) {
	tab.Run(fmt.Sprintf(`localStorage.setItem(%q, JSON.stringify({id_token: %q, access_token: "a", refresh_token: %q, token_type: "Bearer", profile: {sub: "alice", sid: "s1"}}))`,
		userItem, token, refresh))
}

func TestTabsThatWriteAtOnceLoseNothing(t *testing.T) {
	s := newSite(t)
	tabs := []*browsertest.Tab{s.tab(), s.tab(), s.tab()}
	before := alice(tabs[0])
	const each = 40
	for _, tab := range tabs {
		tab.Run(fmt.Sprintf(`window.counted = ""; void store.count({Count: %d}).then(() => counted = "ok", error => counted = error.message)`, each))
	}
	for _, tab := range tabs {
		tab.Wait(`counted`)
		assert.Equal(t, "ok", browsertest.Eval[string](tab, `counted`))
	}
	total := fmt.Sprint(each * len(tabs))
	for _, tab := range tabs {
		u := load(tab)
		assert.Equal(t, total, u.Extra)
		assert.Equal(t, total, u.Refresh, "which is in localStorage")
		assert.Equal(t, before.Revision+each*uint64(len(tabs)), u.Revision)
		assert.Equal(t, total, browsertest.Eval[string](tab, `store.counter()`))
	}
}

func TestATabThatIsClosedInTheMiddleLeavesAWholeSession(t *testing.T) {
	s := newSite(t)
	other := s.tab()
	alice(other)
	for closed := range 5 {
		tab := s.tab()
		tab.Run(`void store.count({Count: 1e9})`)
		other.Wait(fmt.Sprintf(`store.load().then(u => (window.extra = Number(u.Extra)), () => 0) && window.extra > %s`, load(other).Extra))
		tab.Close()
		u := load(other)
		// The item is written first, and may be all that a closed tab has written.
		ahead := number(t, u.Refresh) - number(t, u.Extra)
		assert.GreaterOrEqual(t, ahead, 0)
		assert.LessOrEqual(t, ahead, closed+1)
		assert.Equal(t, "ok", outcome(other, `store.count({Count: 1})`), "and what it held is free")
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func TestTabsTellEachOther(t *testing.T) {
	s := newSite(t)
	here, there := s.tab(), s.tab()
	alice(here)
	for _, tab := range []*browsertest.Tab{here, there} {
		load(tab)
		require.Equal(t, "ok", outcome(tab, `store.listen()`))
	}
	require.Equal(t, "ok", outcome(here, `store.notify({IDs: ["a", "b"]})`))
	for _, tab := range []*browsertest.Tab{here, there} {
		tab.Wait(`heard.join() === "a,b"`)
	}

	there.Run(fmt.Sprintf(`localStorage.removeItem(%q)`, userItem))
	for _, tab := range []*browsertest.Tab{here, there} {
		tab.Wait(`heard.join() === "a,b,user"`)
	}
	assert.Equal(t, "storage: no such record", outcome(here, `store.load()`))
}

// The back button may bring a page back as it was, with its program, which has slept
// through the end of the session.
func TestAPageThatComesBackLooksAtOnce(t *testing.T) {
	s := newSite(t)
	here := s.tab()
	alice(here)
	load(here)
	here.Run(`window.setInterval = () => 0`) // so that only an event can tell it
	require.Equal(t, "ok", outcome(here, `store.listen()`))
	here.Run(fmt.Sprintf(`localStorage.removeItem(%q)`, userItem)) // of which the browser tells only other pages
	here.Run(`dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}))`)
	here.Wait(`heard.join() === "user"`)
}

func TestASessionThatAnotherTabWritesBackIsEndedAgain(t *testing.T) {
	s := newSite(t)
	here, there := s.tab(), s.tab()
	u := alice(here)
	here.Run(`window.setInterval = () => 0`) // so that only an event can tell it
	require.Equal(t, "ok", outcome(here, `store.listen()`))
	require.Equal(t, "ok", outcome(here, fmt.Sprintf(`store.deleteAndEnqueue({Revision: %d})`, u.Revision)))
	writeBack(there, idToken("alice", time.Now()), "rotated")
	there.Wait(fmt.Sprintf(`localStorage.getItem(%q) === null`, userItem))
	assert.Equal(t, 2, browsertest.Eval[int](there, `store.claim().then(claimed => claimed.length)`), "one for each refresh token")
}

func TestTokensThatAnotherTabHasRefreshedAreFound(t *testing.T) {
	s := newSite(t)
	here, there := s.tab(), s.tab()
	u := alice(here)
	writeBack(there, u.Token, "refreshed")
	here.Wait(fmt.Sprintf(`localStorage.getItem(%q).includes("refreshed")`, userItem))
	got := load(here)
	assert.Equal(t, "refreshed", got.Refresh)
	assert.Equal(t, u.Extra, got.Extra)
	assert.Equal(t, u.Revision+1, got.Revision)
}

func TestStorageThatIsFull(t *testing.T) {
	s := newSite(t)
	tab := s.tab()
	const fill = `(() => { for (let size = 1 << 22; size >= 1; size >>= 1) try {
		localStorage.setItem("other", (localStorage.getItem("other") ?? "") + "x".repeat(size)) } catch { } })()`
	tab.Run(fill)
	message := outcome(tab, saving(user{Token: idToken("alice", time.Now())}))
	assert.Contains(t, message, "storage/localstorage: storage: full: the pages of the origin have used up its room")
	assert.Equal(t, "storage: no such record", outcome(tab, `store.load()`))

	tab.Run(`localStorage.removeItem("other")`)
	u := alice(tab)
	tab.Run(fill)
	bigger := u
	bigger.Refresh = strings.Repeat("more", 100)
	assert.Contains(t, outcome(tab, saving(bigger)), "storage: full")
	assert.Equal(t, u, load(tab))
	assert.Equal(t, "ok", outcome(tab, fmt.Sprintf(`store.deleteAndEnqueue({Revision: %d})`, u.Revision)))
	assert.Equal(t, []string{"other"}, browsertest.Eval[[]string](tab, `Object.keys(localStorage)`))
}

func TestStorageThatIsForbidden(t *testing.T) {
	s := newSite(t)
	tab := s.profile.Tab()
	tab.Go(s.origin + "/wasm/run.js") // a page of the origin, with no program
	tab.Run(fmt.Sprintf(`
		addEventListener("message", event => window.message = event.data);
		document.body.innerHTML = '<iframe sandbox="allow-scripts" src="%s"></iframe>'`, strings.ReplaceAll(s.page(), "&", "&amp;")))
	tab.Wait(`window.message`)
	message := browsertest.Eval[string](tab, `message`)
	assert.Contains(t, message, "storage/localstorage: the browser forbids storage here: ")
	assert.Contains(t, message, "allow-same-origin", "the way out")
}

func TestThePageMayDeleteTheDatabase(t *testing.T) {
	s := newSite(t)
	tab := s.tab()
	alice(tab)
	assert.Equal(t, "success", browsertest.Eval[string](tab, fmt.Sprintf(`new Promise(resolve => {
		localStorage.clear();
		const request = indexedDB.deleteDatabase(%q);
		for (const name of ["success", "error", "blocked"]) request.addEventListener(name, () => resolve(name));
	})`, "passport-go:"+domain+":"+clientID)))
	assert.Equal(t, "storage: no such record", outcome(tab, `store.load()`))
	assert.Equal(t, alice(tab), load(tab))
}

// The browser keeps a function of the program until it is released.
func TestNoFunctionOutlivesItsTransaction(t *testing.T) {
	s := newSite(t)
	tab := s.tab()
	alice(tab)
	tab.Run(`window.kept = [], window.said = [];
		console.error = (...words) => said.push(words.join(" "));
		for (const [of, name] of [[IDBRequest, "onsuccess"], [IDBTransaction, "oncomplete"], [IDBTransaction, "onabort"]]) {
			const own = Object.getOwnPropertyDescriptor(of.prototype, name);
			void Object.defineProperty(of.prototype, name, {...own, set(f) { kept.push(f); own.set.call(this, f) }});
		}`)
	load(tab)
	released := browsertest.Eval[[]string](tab, `kept.filter(f => f).map(f => (f(), said.pop() ?? "it is not"))`)
	require.Len(t, released, 3)
	for _, said := range released {
		assert.Equal(t, "call to released function", said)
	}
}
