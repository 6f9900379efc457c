package gametest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passport-go/passport/internal/browsertest"
)

func TestZZ(t *testing.T) {
	profile := browsertest.Open(t, browsertest.Blocked)
	for i := range 12 {
		mux := http.NewServeMux()
		page := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<!doctype html><title>x</title><script>
			function open_(n) { return new Promise((res, rej) => { const r = indexedDB.open(n, 1); window.reqs=(window.reqs||[]); window.reqs.push(r);
			 r.onupgradeneeded = () => { r.result.createObjectStore("d") }; r.onsuccess = () => res("ok"); r.onerror = () => rej(r.error); r.onblocked = () => console.log("blocked") }) }
			window.p = new Promise(r => setTimeout(r, location.pathname === "/a" ? DELAY : 0)).then(() => open_("x")); window.p.then(() => { window.opened = true })
			</script>`[0:0]+strings.Replace(`<!doctype html><title>x</title><script>
			function open_(n) { return new Promise((res, rej) => { const r = indexedDB.open(n, 1);
			 r.onupgradeneeded = () => { r.result.createObjectStore("d") }; r.onsuccess = () => res("ok"); r.onerror = () => rej(r.error) }) }
			window.p = new Promise(r => setTimeout(r, location.pathname === "/a" ? DELAY : 0)).then(() => open_("x")); window.p.then(() => { window.opened = true })
			</script>`, "DELAY", fmt.Sprint(i*2), 1))
		}
		mux.HandleFunc("/", page)
		server := httptest.NewServer(mux)
		origin := strings.Replace(server.URL, "127.0.0.1", appHost, 1)
		tab := profile.Tab()
		tab.Go(origin + "/a")
		tab.Go(origin + "/b")
		begun := time.Now()
		var ok bool
		for time.Since(begun) < 5*time.Second && !ok {
			ok = browsertest.Eval[bool](tab, `!!window.opened`)
			time.Sleep(20 * time.Millisecond)
		}
		t.Log(i, ok, time.Since(begun))
		if !ok {
			t.Log(browsertest.Eval[string](tab, `indexedDB.databases().then(d => JSON.stringify(d))`))
			tab.Go(origin + "/c")
			time.Sleep(2 * time.Second)
			t.Log("after reload", browsertest.Eval[bool](tab, `!!window.opened`))
		}
		server.Close()
	}
}
