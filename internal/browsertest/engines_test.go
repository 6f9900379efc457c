package browsertest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/passport-go/passport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// silences are the scenarios of a silent logout by where the auth domain is.
var silences = []struct {
	scenario, auth string
	newSite        func(testing.TB, string, ...func(*site, *passport.Config)) *site
	byForm         ranging
}{
	{SilentSameSite, "auth.app.localhost", newTLSSite, InEngines},
	{SilentOverHTTP, "auth.app.localhost", newSite, InOneEngine},
	{SilentForeign, "auth.localhost", newTLSSite, InEngines},
}

// ranging is InEngines or InOneEngine.
type ranging func(*testing.T, func(*testing.T, Engine))

func TestEnginesSignOutSilently(t *testing.T) {
	for _, in := range silences {
		t.Run(in.scenario, func(t *testing.T) {
			InEngines(t, func(t *testing.T, e Engine) {
				want := e.Expect(t, in.scenario)
				s := in.newSite(t, in.auth)
				tab := s.signedIn(e.Open(t))
				got := Eval[outcome](tab, settle(`passport.logout()`))
				assert.Equal(t, outcome{
					Mode: "silent", App: "done", Revocation: "pending", Passport: want.Passport, URL: got.URL, ReturnTo: "/",
				}, got)
				tab.Wait(`frames.length === 0`)
				assert.Equal(t, s.at("/"), tab.URL(), "the page is not left")
				s.assertLoggedOut(tab, want.Ended)
			})
		})
	}
}

// The page that a form without passport.js is answered with does the same.
func TestEnginesSignOutSilentlyByForm(t *testing.T) {
	for _, in := range silences {
		t.Run(in.scenario, func(t *testing.T) {
			in.byForm(t, func(t *testing.T, e Engine) {
				s := in.newSite(t, in.auth)
				tab := s.signedIn(e.Open(t))
				tab.Run(`document.querySelector("form").removeAttribute("data-passport-logout")`)
				tab.Click("button")
				tab.WaitURL(s.at("/?bye"))
				assert.Equal(t, "nobody", who(tab))
				s.assertLoggedOut(tab, e.Expect(t, in.scenario).Ended)
			})
		})
	}
}

// assertLoggedOutByRedirect asserts what the scenario of a redirect comes to.
func (s *site) assertLoggedOutByRedirect(tab *Tab, want Result) {
	s.t.Helper()
	tab.WaitURL(s.at("/"))
	assert.Equal(s.t, "nobody", who(tab))
	assert.Equal(s.t, want.Ended, len(s.auth.Sessions()) == 0)
	s.revoked()

	tab.Go(s.at("/login"))
	tab.WaitURL(s.at("/"))
	assert.Equal(s.t, "alice@example.com", who(tab))
	next := map[string]string{"done": "", "unconfirmed": "login"}[want.Passport]
	assert.Equal(s.t, []string{"", next}, s.prompts(), "what the next login asks for")
}

func TestEnginesSignOutByRedirect(t *testing.T) {
	for auth, run := range map[string]ranging{"auth.app.localhost": InOneEngine, "auth.localhost": InEngines} {
		t.Run(auth, func(t *testing.T) {
			run(t, func(t *testing.T, e Engine) {
				s := newTLSSite(t, auth, redirect)
				tab := s.signedIn(e.Open(t))
				tab.Run(`window.old = true`)
				tab.Click("button")
				tab.Wait(`!window.old`)
				s.assertLoggedOutByRedirect(tab, e.Expect(t, Redirect))
			})
		})
	}
}

func TestEnginesFallBackToARedirect(t *testing.T) {
	InEngines(t, func(t *testing.T, e Engine) {
		s := newTLSSite(t, "auth.localhost", fallBack)
		s.policy = "default-src 'self'; frame-src 'none'"
		tab := s.signedIn(e.Open(t))
		tab.Run(`window.old = true`)
		tab.Click("button")
		tab.Wait(`!window.old`)
		s.assertLoggedOutByRedirect(tab, e.Expect(t, SilentRefused))
	})
}

func TestEnginesSignOutWithJavaScriptTurnedOff(t *testing.T) {
	silent := func(*site, *passport.Config) {}
	for mode, edit := range map[string]func(*site, *passport.Config){"redirect": redirect, "silent": silent} {
		t.Run(mode, func(t *testing.T) {
			InEngines(t, func(t *testing.T, e Engine) {
				s := newTLSSite(t, "auth.localhost", edit)
				tab := e.OpenWithoutScripts(t).Tab()
				tab.Go(s.at("/login"))
				require.Equal(t, "alice@example.com", who(tab))
				require.Equal(t, "undefined", Eval[string](tab, `typeof passport`), "the page's scripts do not run")
				tab.Go(s.at("/away"))
				tab.Click("button")
				s.assertLoggedOutByRedirect(tab, e.Expect(t, ScriptsOff))
			})
		})
	}
}

// The back button shows nothing personal after a logout, whether the page was
// kept alive by the browser, comes from its cache or is loaded once more.
func TestEnginesShowNothingPersonalWhenTheUserGoesBack(t *testing.T) {
	for mode, edit := range map[string]func(*site, *passport.Config){"redirect": redirect, "silent": fallBack} {
		for kept, k := range keepings {
			run := InEngines
			if mode == "redirect" && kept != "that stay alive" {
				run = InOneEngine
			}
			t.Run(mode+", pages "+kept, func(t *testing.T) {
				run(t, func(t *testing.T, e Engine) {
					s := newTLSSite(t, "auth.localhost", edit)
					s.inventory(k)
					tab := s.signedIn(e.Open(t))
					tab.Go(s.at("/inventory"))
					require.Equal(t, "alice@example.com", who(tab))
					tab.Click("button")
					tab.Wait(`location.pathname === "/" && document.querySelector("#who")`)
					require.Equal(t, "nobody", who(tab))

					tab.Back()
					tab.Wait(signedOutInventory)
				})
			})
		}
	}
}

func TestEnginesTellTheOtherTabs(t *testing.T) {
	InEngines(t, func(t *testing.T, e Engine) {
		s := newTLSSite(t, "auth.localhost")
		profile := e.Open(t)
		tab := s.signedIn(profile)
		other, stranger := profile.Tab(), e.Open(t).Tab()
		for _, tab := range []*Tab{other, stranger} {
			tab.Go(s.at("/"))
			watchEvents(tab)
		}
		require.Equal(t, "alice@example.com", who(other))
		require.Equal(t, "nobody", who(stranger))
		Eval[outcome](tab, settle(`passport.logout()`))
		other.Wait(`events.length`)
		assert.Equal(t, []map[string]any{{"type": "passport:logout", "remote": true}}, Eval[[]map[string]any](other, `events`))
		assert.Empty(t, Eval[[]any](stranger, `events`))
	})
}

// The pages of the SDK, for people who want to see them.
func TestEnginesShowThePages(t *testing.T) {
	InEngines(t, func(t *testing.T, e Engine) {
		l := newLab(t)
		l.logout = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", http.StatusInternalServerError) }
		tab := l.openIn(e.Open(t))
		tab.Run(`document.querySelector("form").removeAttribute("data-passport-logout")`)
		tab.Click("button")
		tab.Wait(`document.querySelector("main a.button")`)
		assert.Contains(t, tab.Text(), "Your Passport session may still be open")
		tab.Screenshot("report-" + string(e))
	})
}

// Without scripts the page waits for the auth domain's from the first moment, and WebKit
// does not begin an animation while it does. Here it waits for nothing, so that it can be
// looked at.
func TestEnginesShowThePageWithoutScripts(t *testing.T) {
	InEngines(t, func(t *testing.T, e Engine) {
		l := newLab(t)
		l.post = func(w http.ResponseWriter, r *http.Request) {
			page := httptest.NewRecorder()
			assert.NoError(t, ownPages.ServeSilent(page, r, l.answer))
			maps.Copy(w.Header(), page.Header())
			_, _ = io.WriteString(w, strings.Replace(page.Body.String(), `http-equiv="refresh"`, `name="refresh"`, 1))
		}
		tab := e.OpenWithoutScripts(t).Tab()
		tab.Go(l.at(appHost, "/"))
		tab.Click("button")
		tab.Wait(`document.querySelector("main.wait")`)
		assert.Equal(t, "none", Eval[string](tab, `getComputedStyle(document.querySelector("main")).animationName`))
		tab.Screenshot("wait-" + string(e))
	})
}

func TestEnginesShowInAScreenshotWhatAPageWithoutScriptsShows(t *testing.T) {
	InEngines(t, func(t *testing.T, e Engine) {
		l := newLab(t)
		tab := e.OpenWithoutScripts(t).Tab()
		tab.Go(l.at(appHost, "/"))
		tab.do("take a screenshot", func(ctx context.Context) error {
			picture, err := tab.page.screenshot(ctx)
			require.NoError(t, err)
			blank, err := isBlank(picture)
			assert.False(t, blank)
			return err
		})
	})
}

// The ground of the table: which cookies an iframe is given by default, if nothing
// of ours is involved.
func TestEnginesGiveTheirCookiesToFramesOfOneSite(t *testing.T) {
	at := cookieServer(t, httptest.NewTLSServer)
	for auth, want := range map[string]string{"auth.localhost": "", "auth.app.localhost": "c=1"} {
		t.Run(auth, func(t *testing.T) {
			InEngines(t, func(t *testing.T, e Engine) {
				assert.Equal(t, want, framedCookies(e.Open(t).Tab(), at(auth), at(appHost)))
			})
		})
	}
}

func TestTheTableOfEnginesInTheREADMEIsWhatTheTestsSee(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	assert.Contains(t, string(readme), table())
}
