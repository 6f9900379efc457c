package browsertest

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFormLogsOutAndGoesOn(t *testing.T) {
	l := newLab(t)
	tab := l.open()
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
	assert.Equal(t, []string{"GET callback.app.localhost/silent-logout"}, l.requests("/silent-logout"))
	assert.Equal(t, []string{"about:blank", l.at(appHost, "/"), l.at(appHost, "/bye")}, tab.History())
}

func TestFormWithoutAReturnLoadsThePageAgain(t *testing.T) {
	l := newLab(t)
	tab := l.open()
	tab.Run(`window.old = true; document.querySelector("[name=return_to]").remove()`)
	tab.Click("button")
	tab.Wait(`!window.old && document.readyState === "complete"`)
	assert.Equal(t, l.at(appHost, "/"), tab.URL())
	assert.Len(t, tab.History(), 2)
	assert.Len(t, l.requests("app.localhost/logout"), 1)
}

func TestFormsLogoutCanBeKeptOnThePage(t *testing.T) {
	l := newLab(t)
	tab := l.open()
	tab.Run(`document.addEventListener("passport:logout", e => e.preventDefault())`)
	tab.Click("button")
	tab.Wait(`events.length`)
	assert.Equal(t, "/bye", Eval[[]outcome](tab, `events`)[0].ReturnTo)
	assert.Equal(t, l.at(appHost, "/"), tab.URL())
}

func TestFormInRedirectModeGoesToTheAuthDomain(t *testing.T) {
	l := newLab(t)
	l.answer.Mode = "redirect"
	tab := l.open()
	tab.Click("button")
	await(t, "the redirect", func() bool { return len(l.requests("/silent-logout")) == 1 })
	tab.WaitURL(l.at(appHost, "/"))
	assert.Len(t, l.requests("app.localhost/logout"), 1)
}

// The program's own handler of the submit event comes first, say to ask.
func TestFormThatThePageStopsIsLeftAlone(t *testing.T) {
	l := newLab(t)
	tab := l.open()
	tab.Run(`document.querySelector("form").addEventListener("submit", e => e.preventDefault())`)
	tab.Click("button")
	Eval[int](tab, `fetch("/bye").then(r => r.status)`) // comes after what the click has sent
	assert.Empty(t, l.requests("/logout"))
}

// So does a handler for all forms, whether it was there before the script or not.
func TestFormThatADocumentsHandlerStopsIsLeftAlone(t *testing.T) {
	for name, add := range map[string]string{
		"on document": `document.addEventListener("submit", e => e.preventDefault())`,
		"on a parent": `document.body.addEventListener("submit", e => e.preventDefault())`,
		"beforehand":  `addEventListener("submit", e => e.preventDefault(), true)`,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			tab := l.open()
			tab.Run(add)
			for range 2 {
				tab.Click("button")
			}
			Eval[int](tab, `fetch("/bye").then(r => r.status)`) // comes after what the clicks have sent
			assert.Empty(t, l.requests("/logout"))
		})
	}
}

// Turbo posts each form by a fetch, which cannot go on to the auth domain. As its
// FormSubmitObserver does, turbo comes after all handlers that are there when document
// captures the event.
func TestFormIsNotTakenByAScriptThatPostsAllForms(t *testing.T) {
	const turbo = `
		const take = (e) => {
			if (e.defaultPrevented) return;
			e.preventDefault();
			e.stopImmediatePropagation();
			fetch("/taken");
		};
		document.addEventListener("submit", () => {
			document.removeEventListener("submit", take);
			document.addEventListener("submit", take);
		}, true);`
	l := newLab(t)
	tab := l.open()
	tab.Run(turbo)
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
	assert.Len(t, l.requests("app.localhost/logout"), 1)
	assert.Empty(t, l.requests("/taken"))
}

func TestFormsFieldsAndItsButtonArePosted(t *testing.T) {
	l := newLab(t)
	fields := make(chan map[string][]string, 1)
	l.post = func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		fields <- r.PostForm
		_ = json.NewEncoder(w).Encode(l.answer)
	}
	tab := l.open()
	tab.Run(`document.querySelector("button").value = "all"`)
	tab.Click("button")
	assert.Equal(t, map[string][]string{"return_to": {"/bye"}, "submit": {"all"}}, <-fields)
}

// A button may lead elsewhere than its form, say to sign out everywhere: what it
// asks for must not shrink to what the form would have asked for.
func TestFormsButtonSaysWhereItIsPosted(t *testing.T) {
	l := newLab(t)
	l.app = `<form method="post" action="/logout" data-passport-logout>
		<button id="all" name="scope" value="all" formaction="/logout/all">Sign out everywhere</button></form>`
	posted := make(chan string, 2)
	l.other = func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			return // the icon of the site
		}
		posted <- r.URL.Path + " " + r.PostFormValue("scope") + " " + r.Header.Get("Sec-Fetch-Dest")
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}
	tab := l.open()
	tab.Click("#all")
	tab.WaitURL(l.at(appHost, "/logout/all"))
	assert.Equal(t, "/logout/all all empty", <-posted)
	assert.Equal(t, "/logout/all all document", <-posted, "and so it is the plain way")
	assert.Empty(t, l.requests("app.localhost/logout"))
}

// The user sees what the program has to say, instead of a page that does
// nothing.
func TestFormWhoseRequestFailsIsSubmittedThePlainWay(t *testing.T) {
	l := newLab(t)
	l.post = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not from here", http.StatusForbidden) }
	tab := l.open()
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/logout"))
	assert.Contains(t, tab.Text(), "not from here")
	assert.Len(t, l.requests("app.localhost/logout"), 2)
}

func TestFormWhoseRequestFailsCanBeKeptOnThePage(t *testing.T) {
	l := newLab(t)
	l.post = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }
	tab := l.open()
	tab.Run(`document.addEventListener("passport:error", e => { e.preventDefault(); window.reason = e.detail.reason })`)
	tab.Click("button")
	tab.Wait(`window.reason === "unavailable"`)
	assert.Equal(t, l.at(appHost, "/"), tab.URL())
	assert.Len(t, l.requests("app.localhost/logout"), 1)
}

// The app session has ended, so the page must not stay as it was, whatever
// became of the Passport session.
func TestFormGoesOnAlthoughThePassportSessionIsInDoubt(t *testing.T) {
	l := newLab(t)
	l.policy = "default-src 'self'"
	tab := l.open()
	tab.Click("button")
	tab.WaitURL(l.at(appHost, "/bye"))
}

func TestFormsOfThePageAreNoneOfItsBusiness(t *testing.T) {
	l := newLab(t)
	l.app = `<form action="/bye"><button id="other">other</button></form>`
	tab := l.open()
	tab.Click("#other")
	tab.WaitURL(l.at(appHost, "/bye?"))
	assert.Equal(t, []string{"GET app.localhost/bye"}, l.requests("/bye"))
}

// A button that closes the dialog around the question, or leads elsewhere, is no logout.
func TestFormsButtonThatSendsNothingIsTheBrowsers(t *testing.T) {
	t.Run("it closes a dialog", func(t *testing.T) {
		l := newLab(t)
		l.app = `<dialog><form method="post" action="/logout" data-passport-logout>
			<button>Sign out</button><button id="cancel" formmethod="dialog">Cancel</button></form></dialog>`
		tab := l.open()
		tab.Run(`document.querySelector("dialog").showModal()`)
		tab.Click("#cancel")
		tab.Wait(`!document.querySelector("dialog").open`)
		Eval[int](tab, `fetch("/bye").then(r => r.status)`) // comes after what the click has sent
		assert.Empty(t, l.requests("/logout"))
	})
	t.Run("it closes the dialog of its form", func(t *testing.T) {
		l := newLab(t)
		l.app = `<dialog><form method="dialog" action="/logout" data-passport-logout>
			<button id="cancel">Cancel</button><button id="out" formmethod="post">Sign out</button></form></dialog>`
		tab := l.open()
		tab.Run(`document.querySelector("dialog").showModal()`)
		tab.Click("#cancel")
		tab.Wait(`!document.querySelector("dialog").open`)
		tab.Run(`document.querySelector("dialog").showModal()`)
		tab.Click("#out")
		await(t, "the logout", func() bool { return len(l.requests("app.localhost/logout")) == 1 })
	})
	t.Run("it leads elsewhere", func(t *testing.T) {
		l := newLab(t)
		l.app = `<form method="post" action="/logout" data-passport-logout>
			<button id="stay" formmethod="get" formaction="/bye">Stay</button></form>`
		tab := l.open()
		tab.Click("#stay")
		tab.WaitURL(l.at(appHost, "/bye?"))
		assert.Equal(t, []string{"GET app.localhost/bye"}, l.requests("/bye"))
		assert.Empty(t, l.requests("/logout"))
	})
}
