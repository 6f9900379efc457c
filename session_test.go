package passport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// session looks up the session of a browser, as a handler would.
func (b *browser) session() *passport.Session {
	b.s.t.Helper()
	session, err := b.s.p.Session(b.s.t.Context(), passport.Secret(b.cookie("passport")))
	require.NoError(b.s.t, err)
	return session
}

func TestASessionKnowsItsUser(t *testing.T) {
	s := newSite(t)
	session := s.signedIn().session()
	user := passporttest.DefaultUser()
	profile, err := session.Profile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, passport.Profile{
		Subject:               user.Subject,
		Email:                 user.Email,
		Nickname:              user.Nickname,
		Username:              user.Username,
		ZkEVMEthAddress:       user.ZkEVMEthAddress,
		ZkEVMUserAdminAddress: user.ZkEVMUserAdminAddress,
	}, profile)
	assert.Equal(t, user.Subject, session.Subject())
	assert.Equal(t, s.clock.Now().Unix(), session.Info().Begun.Unix())

	id, err := session.IDToken(t.Context())
	require.NoError(t, err)
	assert.Len(t, strings.Split(id.Reveal(), "."), 3)
	access, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	assert.Len(t, strings.Split(access.Reveal(), "."), 3)
	assert.Empty(t, s.events.named("refresh.failed"))
}

func TestNobodyIsSignedInByAnIDThatIsNotOurs(t *testing.T) {
	s := newSite(t)
	session := s.signedIn().session()
	for _, id := range []string{"", "x", strings.Repeat("A", 43), session.ID(), strings.Repeat("é", 43), strings.Repeat("A", 100_000)} {
		_, err := s.p.Session(t.Context(), passport.Secret(id))
		assert.ErrorIs(t, err, passport.ErrNoSession, "%.50q", id)
	}
}

func TestASessionEndsByItsLifetimeHoweverBusy(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.SessionLifetime, c.IdleTimeout = time.Hour, 20*time.Minute })
	b := s.signedIn()
	for range 5 {
		s.clock.add(11 * time.Minute)
		require.NotEqual(t, "nobody", b.get("/").body)
	}
	s.clock.add(5*time.Minute - time.Second)
	assert.NotEqual(t, "nobody", b.get("/").body)
	s.clock.add(time.Second)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestASessionEndsByConfigNowWhateverTheStoresClock(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		start := c.Now()
		c.Store = memory.New(memory.Options{Now: func() time.Time { return start }})
		c.SessionLifetime = time.Hour
		c.APIDomain = "http://127.0.0.1:1"
	})
	b := s.signedIn()
	client := b.session().Client()
	s.clock.add(time.Hour)
	assert.Equal(t, "nobody", b.get("/").body)
	_, err := client.Get("http://127.0.0.1:1/")
	assert.ErrorIs(t, err, passport.ErrNoSession)
}

func TestASessionEndsByIdlenessAndNotBefore(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.IdleTimeout = 30 * time.Minute })
	b := s.signedIn()
	s.clock.add(29 * time.Second) // too soon to be written down
	b.get("/")
	s.clock.add(30 * time.Minute)
	assert.NotEqual(t, "nobody", b.get("/").body, "a user is never cut short")
	s.clock.add(30*time.Minute + 30*time.Second)
	assert.Equal(t, "nobody", b.get("/").body)
}

func TestIdleExpiryCanBeOff(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.IdleTimeout = -1 })
	b := s.signedIn()
	s.clock.add(29 * 24 * time.Hour)
	assert.NotEqual(t, "nobody", b.get("/").body)
}

func TestARequestIsWrittenDownNowAndThenOnly(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	saves := 0
	faulty.hook(func(method, _ string) {
		if method == "Save" {
			saves++
		}
	})
	for range 100 {
		b.get("/")
		s.clock.add(time.Second)
	}
	assert.Equal(t, 1, saves, "a hundred requests in 100 s, with the default idle time-out")
}

func TestATouchDoesNotBringASessionBack(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	id := b.session().ID()
	s.clock.add(time.Hour)
	faulty.hook(func(method, _ string) {
		if method == "Save" { // between the request's look-up and its write
			_, err := faulty.Store.Delete(context.Background(), id)
			require.NoError(t, err)
		}
	})
	assert.Equal(t, "nobody", b.get("/").body)
	_, err := faulty.Store.Load(t.Context(), id)
	assert.Error(t, err)
}

func TestARecordThatWasTamperedWithEndsThatSessionAndNoOther(t *testing.T) {
	for name, tamper := range map[string]func(store *memory.Store, a, b string){
		"a byte of the tokens": func(store *memory.Store, a, _ string) {
			r, _ := store.Load(context.Background(), a)
			r.Data = append([]byte(nil), r.Data...)
			r.Data[len(r.Data)-1] ^= 1
			_, _ = store.Save(context.Background(), r)
		},
		"another user's record": func(store *memory.Store, a, b string) {
			r, _ := store.Load(context.Background(), a)
			other, _ := store.Load(context.Background(), b)
			r.Data, r.Subject, r.SID = other.Data, other.Subject, other.SID
			_, _ = store.Save(context.Background(), r)
		},
		"the subject": func(store *memory.Store, a, _ string) {
			r, _ := store.Load(context.Background(), a)
			r.Subject = "email|admin"
			_, _ = store.Save(context.Background(), r)
		},
		"cut short": func(store *memory.Store, a, _ string) {
			r, _ := store.Load(context.Background(), a)
			r.Data = r.Data[:2]
			_, _ = store.Save(context.Background(), r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := memory.New(memory.Options{})
			s := newSite(t, func(c *passport.Config) { c.Store = store })
			a, b := s.signedIn(), s.signedIn()
			tamper(store, a.session().ID(), b.session().ID())

			session, err := s.p.Session(t.Context(), passport.Secret(a.cookie("passport")))
			if err == nil { // the head is whole: it shows when the tokens are asked for
				_, err = session.AccessToken(t.Context())
			}
			assert.ErrorIs(t, err, passport.ErrNoSession)
			assert.Equal(t, "nobody", a.get("/").body)
			assert.Len(t, s.events.named("session.lost"), 1)
			_, err = b.session().AccessToken(t.Context())
			assert.NoError(t, err)
		})
	}
}

func TestARecordWhoseKeyIsMissingIsNotTrustedAndNotLost(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	b := s.signedIn()
	secret := passport.Secret(b.cookie("passport"))

	c := s.config()
	c.Store, c.EncryptionKeys = store, [][]byte{[]byte("another key of thirty-two bytes!")}
	stranger := newPassport(t, c)
	_, err := stranger.Session(t.Context(), secret)
	assert.ErrorIs(t, err, passport.ErrNoSession)

	c.EncryptionKeys = append(c.EncryptionKeys, someKey()...)
	rotated := newPassport(t, c)
	session, err := rotated.Session(t.Context(), secret)
	require.NoError(t, err, "the old key, listed second, still opens")
	_, err = session.Profile(t.Context())
	assert.NoError(t, err)
}

func TestTheStoreSeesNoSecret(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, func(c *passport.Config) { c.Store = store })
	b := s.signedIn()
	session := b.session()
	access, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	r, err := store.Load(t.Context(), session.ID())
	require.NoError(t, err)
	stored := fmt.Sprint(r) + string(r.Data)
	assert.NotContains(t, stored, b.cookie("passport"))
	assert.NotContains(t, stored, access.Reveal())
	assert.NotContains(t, stored, s.auth.RefreshTokens()[0].Value)
	assert.NotContains(t, stored, passporttest.DefaultUser().Email)
}

func TestWhatIsPersonalIsNotStored(t *testing.T) {
	s := newSite(t)
	assert.Empty(t, s.browser().get("/").Header.Get("Cache-Control"))
	assert.Equal(t, "no-store", s.signedIn().get("/").Header.Get("Cache-Control"))
}

func TestAHandlerMaySayHowItsPagesAreStored(t *testing.T) {
	s := newSite(t)
	s.mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=60") })
	assert.Equal(t, "max-age=60", s.signedIn().get("/style.css").Header.Get("Cache-Control"))
	assert.Equal(t, "no-store", s.signedIn().get("/").Header.Get("Cache-Control"), "the next response is its own")
}

func TestAStoreThatIsDownIsA503AndNotAStranger(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	faulty.fail("Load")
	a := b.get("/")
	assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	assert.Equal(t, "5", a.Header.Get("Retry-After"))
	assert.Equal(t, "nobody", s.browser().get("/").body, "who has no session needs no store")
	faulty.fail()
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
}

func TestRequireLoginSendsNavigationsToLoginAndBack(t *testing.T) {
	s := newSite(t)
	s.mux.Handle("/account", s.p.RequireLogin(http.HandlerFunc(who)))
	b := s.browser()
	a := b.stay().get("/account?tab=2", "Accept", "text/html")
	assert.Equal(t, http.StatusSeeOther, a.StatusCode)
	assert.Equal(t, "/login?return_to=%2Faccount%3Ftab%3D2", a.Header.Get("Location"))
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/account", "Accept", "text/html").body)

	stranger := s.browser()
	for _, header := range [][]string{
		{"Accept", "application/json"},
		{"Accept", "text/html", "Sec-Fetch-Mode", "cors"},
		{"Accept", "text/html", "HX-Request", "true"},
	} {
		assert.Equal(t, http.StatusUnauthorized, stranger.stay().get("/account", header...).StatusCode, header)
	}
	post := stranger.request(http.MethodPost, "/account", strings.NewReader("amount=1"), "Accept", "text/html")
	assert.Equal(t, http.StatusUnauthorized, stranger.stay().do(post).StatusCode, "a form that would be lost on the way says so")
}

// TestRequireLoginMayStandAroundAWholeProgram has everything behind it, the login
// too.
func TestRequireLoginMayStandAroundAWholeProgram(t *testing.T) {
	for _, mode := range []passport.LogoutMode{passport.LogoutRedirect, passport.LogoutSilent} {
		s := newSite(t, func(c *passport.Config) {
			c.LogoutMode = mode
			if mode == passport.LogoutSilent {
				c.LogoutRedirectURI = strings.TrimSuffix(c.LogoutRedirectURI, "/") + "/silent-logout"
			}
		})
		s.app = s.p.RequireLogin(s.mux)
		b := s.browser()
		assert.Equal(t, alice, b.get("/page", "Sec-Fetch-Mode", "navigate").body, "by way of the login")
		assert.Equal(t, http.StatusOK, b.logout("Accept", "application/json").StatusCode)
		assert.Equal(t, http.StatusUnauthorized, b.get("/page", "Sec-Fetch-Mode", "cors").StatusCode)
		assert.Equal(t, http.StatusUnauthorized, b.get("/redirect", "Sec-Fetch-Mode", "cors").StatusCode, "no return from a login")
		if mode == passport.LogoutSilent {
			assert.Equal(t, http.StatusOK, b.get("/silent-logout").StatusCode)
		} else {
			assert.Equal(t, http.StatusUnauthorized, b.get("/", "Sec-Fetch-Mode", "cors").StatusCode, "a page like any other")
		}
	}
}

// TestALinkOfAnotherSiteReplacesNoSession follows one to the login.
func TestALinkOfAnotherSiteReplacesNoSession(t *testing.T) {
	s := newSite(t)
	for _, site := range []string{"cross-site", "same-site"} {
		link := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", site}
		b := s.signedIn()
		before := b.session().ID()
		res := b.stay().get("/login?return_to=/page", link...)
		assert.Equal(t, "/page", res.Header.Get("Location"))
		assert.Equal(t, "/", b.stay().get("/login?return_to=//evil.example", link...).Header.Get("Location"))
		assert.Equal(t, before, b.session().ID())
		assert.True(t, strings.HasPrefix(s.browser().stay().get("/login", link...).Header.Get("Location"), s.auth.URL), "nobody is signed in there")

		own := b.stay().get("/login", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin")
		assert.True(t, strings.HasPrefix(own.Header.Get("Location"), s.auth.URL), "the site's own link signs in anew")
	}
}

// TestAStoreThatHangsHoldsNoRequestUp waits until the bound of a look-up, and not
// until the store answers.
func TestAStoreThatHangsHoldsNoRequestUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hangingStore{Store: memory.New(memory.Options{})}
		p, err := passport.New(passport.Config{
			ClientID:       passporttest.ClientID,
			RedirectURI:    "http://localhost:3000/redirect",
			Store:          store,
			EncryptionKeys: someKey(),
		})
		require.NoError(t, err)
		defer p.Close(t.Context())
		cookie := "passport=" + strings.Repeat("A", 43)
		for _, h := range []http.Handler{p.Handler(http.NotFoundHandler()), p.RequireLogin(http.NotFoundHandler())} {
			began := time.Now()
			res := record(h.ServeHTTP, "GET", "/page", "Cookie", cookie)
			assert.Equal(t, http.StatusServiceUnavailable, res.Code)
			assert.Equal(t, 5*time.Second, time.Since(began))
		}
	})
}

// hangingStore answers when the caller has lost patience.
type hangingStore struct{ *memory.Store }

func (h *hangingStore) Load(ctx context.Context, _ string) (storage.Record, error) {
	<-ctx.Done()
	return storage.Record{}, ctx.Err()
}

func TestRequireLoginWorksByItself(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	h := s.p.RequireLogin(http.HandlerFunc(who))
	w := record(h.ServeHTTP, "GET", "/account", "Cookie", "passport="+b.cookie("passport"))
	assert.Equal(t, passporttest.DefaultUser().Subject, w.Body.String())
	w = record(h.ServeHTTP, "GET", "/account")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestRequireLoginBringsUsersBackToThePathThatTheyAskedFor(t *testing.T) {
	p := newPassport(t, least())
	below := http.StripPrefix("/shop", p.RequireLogin(http.HandlerFunc(who)))
	w := record(below.ServeHTTP, "GET", "/shop/cart?item=1", "Accept", "text/html")
	assert.Equal(t, "/login?return_to=%2Fshop%2Fcart%3Fitem%3D1", w.Header().Get("Location"))

	absolute := "http://app.example.com/cart?item=1" // the form that servers must take too: RFC 9112 §3.2.2
	w = record(p.RequireLogin(http.HandlerFunc(who)).ServeHTTP, "GET", absolute, "Accept", "text/html")
	assert.Equal(t, "/login?return_to=%2Fcart%3Fitem%3D1", w.Header().Get("Location"))
}

func TestTheClientCarriesTheTokenToTheAPIAndNowhereElse(t *testing.T) {
	var got http.Header
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(evil.Close)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
			return
		}
		got = r.Header
		_, _ = io.WriteString(w, "pong")
	}))
	t.Cleanup(api.Close)
	s := newSite(t, func(c *passport.Config) { c.APIDomain, c.PublishableKey = api.URL, "pk_imapik-test" })
	session := s.signedIn().session()
	token, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	client := session.Client()

	ping, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+"/ping", nil)
	require.NoError(t, err)
	res, err := client.Do(ping)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Empty(t, ping.Header, "the caller's request, which may end up in a log")
	assert.Equal(t, "Bearer "+token.Reveal(), got.Get("Authorization"))
	assert.Equal(t, "pk_imapik-test", got.Get("x-immutable-publishable-key"))

	got = nil
	for _, address := range []string{evil.URL, api.URL + "/away", strings.Replace(api.URL, "127.0.0.1", "localhost", 1)} {
		_, err = client.Get(address)
		require.Error(t, err, address)
		var failed *url.Error
		require.ErrorAs(t, err, &failed)
		assert.Contains(t, err.Error(), "nowhere else")
		assert.NotContains(t, err.Error(), token.Reveal())
	}
	assert.Nil(t, got, "nothing was sent there")

	_, err = s.p.EndSession(t.Context(), session.ID())
	require.NoError(t, err)
	s.clock.add(48 * time.Hour)
	_, err = client.Get(api.URL + "/ping")
	assert.ErrorIs(t, err, passport.ErrNoSession)
}

func TestNothingOfASessionThatIsPrintedShowsASecret(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session := b.session()
	access, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	id, err := session.IDToken(t.Context())
	require.NoError(t, err)
	for _, v := range []any{session, access, id, passport.LoginResult{Session: session, SessionID: passport.Secret(b.cookie("passport"))}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			text := fmt.Sprintf(verb, v)
			for _, secret := range []string{access.Reveal(), id.Reveal(), b.cookie("passport"), s.auth.RefreshTokens()[0].Value} {
				assert.NotContains(t, text, secret, "%s of %T", verb, v)
			}
		}
	}
}

func TestDoneClosesWhenTheSessionEnds(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session, other := b.session(), s.signedIn().session()
	done := session.Done(t.Context())
	select {
	case <-done:
		t.Fatal("closed before the end")
	default:
	}
	b.logout()
	waitFor(t, done)
	select {
	case <-other.Done(t.Context()):
		t.Fatal("another session's")
	default:
	}
}

func TestDoneOfASessionThatEndedAlreadyClosesToo(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session := b.session()
	b.logout()
	waitFor(t, session.Done(t.Context()))
}

func waitFor[T any](t *testing.T, c <-chan T) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatal("did not happen within 10 s")
	}
}

func TestASessionInTheFormOfALaterVersionIsLeftAlone(t *testing.T) {
	store := memory.New(memory.Options{})
	s := newSite(t, func(c *passport.Config) { c.Store = store })
	b := s.signedIn()
	id := b.session().ID()
	r, err := store.Load(t.Context(), id)
	require.NoError(t, err)
	r.Data = append([]byte{r.Data[0] + 1}, r.Data[1:]...)
	_, err = store.Save(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, "nobody", b.get("/").body)
	_, err = store.Load(t.Context(), id)
	assert.NoError(t, err)
	assert.Empty(t, s.events.named("session.lost"))
}
