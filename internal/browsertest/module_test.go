package browsertest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// modulePage has the script as a module alone, imported by a module of the app's own.
func (l *lab) modulePage() *Tab {
	l.t.Helper()
	l.other = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", l.policy)
		if r.URL.Path == "/app.mjs" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`import passport, { logout, finish } from "/passport.mjs"; window.exported = { passport, logout, finish };`))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>app</title><script type="module" src="/app.mjs"></script>`))
	}
	tab := Open(l.t, Blocked).Tab()
	tab.Go(l.at(appHost, "/module"))
	tab.Wait(`window.exported`)
	watchEvents(tab)
	return tab
}

func TestTheModuleLogsOutAsTheScriptDoes(t *testing.T) {
	l := newLab(t)
	tab := l.modulePage()
	assert.Equal(t, outcome{Mode: "silent", App: "done", Revocation: "done", Passport: "done", URL: l.answer.URL},
		Eval[outcome](tab, settle(`exported.logout()`)))
	assert.Len(t, Eval[[]map[string]any](tab, `events`), 1)
	assert.True(t, Eval[bool](tab, `exported.passport === window.passport && exported.finish === passport.finish`))
}

// A page may end up with both forms. One of them handles its forms and events.
func TestTheModuleBesideTheScriptIsTheScript(t *testing.T) {
	l := newLab(t)
	tab := l.open()
	assert.True(t, Eval[bool](tab, `import("/passport.mjs").then(module => module.default === passport && module.logout === passport.logout)`))
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
	assert.Equal(t, []string{"POST app.localhost/logout"}, l.requests("app.localhost/logout"))
}
