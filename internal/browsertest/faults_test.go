package browsertest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Here are the faults at which the JavaScript SDK's logout falls short, one by
// one. What is a matter of passport.js alone is in the other tests: forged
// messages in hostile_test.go, errors that are told apart in stuck_test.go.

var revocationFaults = map[string]passporttest.Fault{
	"answers 500":                {Status: http.StatusInternalServerError},
	"answers 503, with patience": {Status: http.StatusServiceUnavailable, RetryAfter: time.Hour},
	"cuts the connection":        {Cut: true},
	"never answers":              {Hang: true},
	"answers without CORS":       {NoCORS: true},
}

func TestRevocationThatFailsKeepsNobodySignedIn(t *testing.T) {
	for _, cookies := range []Cookies{Blocked, Allowed} {
		profile := Open(t, cookies)
		for name, fault := range revocationFaults {
			t.Run(name+", "+string(cookies), func(t *testing.T) {
				s := newSite(t, "auth.localhost")
				tab := s.signedIn(profile)
				fault.Path = "/oauth/revoke"
				s.auth.Inject(fault)

				begun := time.Now()
				got := Eval[outcome](tab, settle(`passport.logout()`))
				assert.Less(t, time.Since(begun), 8*time.Second)
				assert.Equal(t, "done", got.App)
				assert.Equal(t, "pending", got.Revocation)
				assert.Empty(t, got.Reason)
				tab.Go(s.at("/"))
				assert.Equal(t, "nobody", who(tab))
			})
		}
	}
}

// A session must not come back with a refresh that was under way when it ended.
func TestRefreshInFlightBringsNoSessionBack(t *testing.T) {
	for _, where := range []string{"in the same tab", "in another tab"} {
		t.Run(where, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			stale := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditAnswer: func(answer map[string]any) { answer["expires_in"] = 1 }})
			profile := Open(t, Blocked)
			tab := s.signedIn(profile)
			stale()
			refreshing := tab
			if where == "in another tab" {
				refreshing = profile.Tab()
				refreshing.Go(s.at("/"))
			}
			answerNow := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Hang: true})
			refreshing.Run(`window.refreshed = fetch("/token").then(r => r.status)`)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := s.auth.Await(ctx, "/oauth/token", 2)
			require.NoError(t, err)

			assert.Equal(t, "done", Eval[outcome](tab, settle(`passport.logout()`)).App)
			answerNow()
			assert.Equal(t, http.StatusUnauthorized, Eval[int](refreshing, `refreshed`))
			tab.Go(s.at("/"))
			assert.Equal(t, "nobody", who(tab))
			s.revoked() // the token that the refresh brought, too
		})
	}
}

func TestTwoLogoutsAtOnceAreOne(t *testing.T) {
	s := newSite(t, "auth.localhost")
	tab := s.signedIn(Open(t, Blocked))
	assert.True(t, Eval[bool](tab, `Promise.all([passport.logout(), passport.logout()]).then(([a, b]) => a === b)`))
	s.revoked()
	assert.Len(t, s.auth.Requests("/v2/logout"), 1)
	assert.Len(t, s.auth.Requests("/oauth/revoke"), 1)
	assert.Len(t, Eval[[]any](tab, `events`), 1)
}

var logoutFaults = map[string]passporttest.Fault{
	"hangs":             {Hang: true},
	"is cut":            {Cut: true},
	"answers 500":       {Status: http.StatusInternalServerError, Body: "oops"},
	"answers 400":       {Status: http.StatusBadRequest, Body: "not allowed"},
	"may not be framed": {Status: http.StatusOK, DenyFraming: true},
}

// The fallback visits the same address at top level, and so ends both sessions
// where the iframe could not.
func TestLogoutURLThatFailsInTheIframeIsVisitedAtTopLevel(t *testing.T) {
	for _, cookies := range []Cookies{Blocked, Allowed} {
		profile := Open(t, cookies)
		for name, fault := range logoutFaults {
			t.Run(name+", "+string(cookies), func(t *testing.T) {
				s := newSite(t, "auth.localhost", fallBack, hurried)
				tab := s.signedIn(profile)
				fault.Path = "/v2/logout"
				fault.If = func(r passporttest.Request) bool { return r.Header.Get("Sec-Fetch-Dest") == "iframe" }
				s.auth.Inject(fault)

				tab.Run(`window.old = true; void passport.logout()`)
				tab.Wait(`!window.old && document.querySelector("#who")`)
				assert.Equal(t, "nobody", who(tab))
				assert.Empty(t, s.auth.Sessions())
			})
		}
	}
}

// In redirect mode the user is at the auth domain's own error page, and nothing
// can bring them back but the back button; they are signed out of the program,
// and the next login does not let them straight in.
func TestRedirectThatStrandsTheUserHasSignedThemOut(t *testing.T) {
	for name, fault := range logoutFaults {
		if fault.DenyFraming || fault.Hang {
			continue // no matter at top level; and the browser stays where it was
		}
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost", redirect)
			tab := s.signedIn(Chromium.Open(t))
			fault.Path = "/v2/logout"
			lift := s.auth.Inject(fault)
			tab.Run(`void passport.logout()`)
			await(t, "the visit", func() bool { return len(s.auth.Requests("/v2/logout")) > 0 })
			tab.Wait(`location.origin !== "` + strings.TrimSuffix(s.at("/"), "/") + `" && document.readyState === "complete"`)

			tab.Back()
			tab.WaitURL(s.at("/"))
			assert.Equal(t, "nobody", who(tab))
			lift()
			s.signIn(tab)
			assert.Equal(t, []string{"", "login"}, s.prompts())
		})
	}
}

func TestPolicyThatForbidsTheIframeCostsNoTime(t *testing.T) {
	s := newSite(t, "auth.localhost", fallBack)
	s.policy = "default-src 'self'; frame-src 'self'"
	tab := s.signedIn(Open(t, Blocked))
	begun := time.Now()
	tab.Run(`window.old = true; void passport.logout()`)
	tab.Wait(`!window.old && document.querySelector("#who")`)
	assert.Less(t, time.Since(begun), patience/2, "of the %s that the time-out is", patience)
	assert.Equal(t, "nobody", who(tab))
	assert.Empty(t, s.auth.Sessions())
}

// There the callback does not get the cookie that tells it whose logout came
// back, so it leaves the Passport session in doubt.
func TestCallbackOnAnotherOriginCompletesTheLogout(t *testing.T) {
	for _, in := range situations {
		t.Run(in.name, func(t *testing.T) {
			s := newSite(t, in.auth, func(s *site, c *passport.Config) {
				c.LogoutRedirectURI = strings.Replace(s.at("/silent-logout"), appHost, callbackHost, 1)
				s.policy = strings.Replace(s.policy, "frame-src 'self'", "frame-src "+strings.TrimSuffix(c.LogoutRedirectURI, "/silent-logout"), 1)
			})
			tab := s.signedIn(Open(t, in.cookies))
			got := Eval[outcome](tab, settle(`passport.logout()`))
			assert.Equal(t, "done", got.App)
			assert.Equal(t, "unconfirmed", got.Passport)
			assert.Empty(t, got.Reason)
			assert.Equal(t, in.ends, len(s.auth.Sessions()) == 0)
		})
	}
}

func TestCorruptSessionCanBeLoggedOut(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, "auth.localhost", func(_ *site, c *passport.Config) { c.Store = store })
	tab := s.signedIn(Open(t, Blocked))
	records := s.records(store)
	require.Len(t, records, 1)
	for i := range records[0].Data {
		records[0].Data[i] ^= 0xff
	}
	_, err := store.Save(t.Context(), records[0])
	require.NoError(t, err)

	got := Eval[outcome](tab, settle(`passport.logout()`))
	assert.Contains(t, []string{"done", "skipped"}, got.App)
	assert.Empty(t, got.Reason)
	assert.Empty(t, s.records(store))
	tab.Go(s.at("/"))
	assert.Equal(t, "nobody", who(tab))
}

func (s *site) records(store *memory.Store) []storage.Record {
	s.t.Helper()
	tenant := envelope.NewTenant(s.auth.URL+"/", passporttest.ClientID)
	records, err := store.List(s.t.Context(), storage.Match{
		Tenant: tenant.Name(), Kind: storage.KindSession, Subject: passporttest.DefaultUser().Subject,
	})
	require.NoError(s.t, err)
	for i := range records {
		records[i].Data = append([]byte(nil), records[i].Data...)
	}
	return records
}

func TestOtherTabsLearnOfTheLogout(t *testing.T) {
	for name, logout := range map[string]string{
		"with passport.js":    `document.querySelector("button").click()`,
		"without passport.js": `document.querySelector("form").removeAttribute("data-passport-logout"); document.querySelector("button").click()`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			profile := Open(t, Blocked)
			other, tab := s.signedIn(profile), profile.Tab()
			tab.Go(s.at("/"))
			require.Equal(t, "alice@example.com", who(tab))
			other.Run(`document.addEventListener("passport:logout", e => { if (e.detail.remote) location.reload() })`)
			tab.Run(logout)
			other.Wait(`document.querySelector("#who")?.textContent === "nobody"`)
		})
	}
}

func TestLogoutURLCarriesNoTokenAndNoPage(t *testing.T) {
	for _, mode := range []func(*site, *passport.Config){redirect, fallBack} {
		s := newSite(t, "auth.localhost", mode)
		tab := s.signedIn(Open(t, Blocked))
		tab.Run(`void passport.logout()`)
		await(t, "the visit", func() bool { return len(s.auth.Requests("/v2/logout")) > 0 })
		visit := s.auth.Requests("/v2/logout")[0]
		for name := range visit.Query {
			assert.Contains(t, []string{"client_id", "returnTo"}, name)
		}
		assert.Equal(t, s.at("/"), visit.Header.Get("Referer"), "the origin, and not the page")
	}
}

// A silent logout beside the least that its three requests take, where the program, the
// auth domain and the callback each take 50 ms to answer, and where the processor is
// four times slower as well, as a phone's is. They take turns; the best of each counts,
// for other work only ever adds.
func BenchmarkSilentLogoutBesideItsBareRequests(b *testing.B) {
	const delay = 50 * time.Millisecond
	for _, slowness := range []float64{1, 4} {
		b.Run(fmt.Sprintf("slower=%.0f", slowness), func(b *testing.B) {
			s := newSite(b, "auth.localhost")
			tab := s.signedIn(Open(b, Blocked))
			tab.Slow(slowness)
			s.auth.Inject(passporttest.Fault{Delay: delay})
			handler := s.server.Config.Handler
			s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(delay)
				handler.ServeHTTP(w, r)
			})
			took := func(call string) float64 {
				s.signIn(tab)
				return Eval[float64](tab, `(async () => {
					const start = performance.now();
					await `+call+`;
					return performance.now() - start;
				})()`)
			}
			bare, logout := math.Inf(1), math.Inf(1)
			for b.Loop() {
				bare, logout = min(bare, took(barely)), min(logout, took(`passport.logout()`))
			}
			b.ReportMetric(bare, "bare-ms")
			b.ReportMetric(logout/bare, "logout/bare")
		})
	}
}

// barely makes the requests of a silent logout, and nothing else.
const barely = `(async () => {
	const response = await fetch("/logout", {method: "POST", headers: {Accept: "application/json"}});
	const frame = document.createElement("iframe");
	frame.hidden = true;
	frame.src = (await response.json()).url;
	document.body.append(frame);
	await new Promise(resolve => onmessage = resolve);
	frame.remove();
})()`

// hurried is for tests that wait for the time-out.
func hurried(_ *site, c *passport.Config) { c.SilentTimeout = 500 * time.Millisecond }
