package passport_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/records"
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
			assert.Equal(t, records.RequestTimeout, time.Since(began))
		}
	})
}

// Operators are told to look at each 503. They are not woken by users who close a tab.
func TestTheLogWarnsOfWhatSomebodyHasToLookAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log syncBuffer
		p, err := passport.New(passport.Config{
			ClientID:       passporttest.ClientID,
			RedirectURI:    "http://localhost:3000/redirect",
			Store:          &hangingStore{Store: memory.New(memory.Options{})},
			EncryptionKeys: someKey(),
			Logger:         slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		defer p.Close(t.Context())
		handler := p.RequireLogin(http.NotFoundHandler())
		ask := func(ctx context.Context, header ...string) int {
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/api", nil)
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			handler.ServeHTTP(w, r)
			return w.Code
		}
		cookie := []string{"Cookie", "passport=" + strings.Repeat("A", 43)}
		assert.Equal(t, http.StatusUnauthorized, ask(t.Context(), "Accept", "application/json"))
		closed, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		assert.Equal(t, http.StatusServiceUnavailable, ask(closed, cookie...))
		assert.NotContains(t, log.String(), "request refused")
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(closed, http.MethodPost, "/logout", nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		p.Logout(w, r)
		assert.Contains(t, log.String(), `level=WARN msg="passport: request refused" path=/logout status=403`, "who goes away hides nothing else")

		assert.Equal(t, http.StatusServiceUnavailable, ask(t.Context(), cookie...))
		assert.Contains(t, log.String(), `level=WARN msg="passport: request refused" path=/api status=503`)
	})
}

// hangingStore answers when the caller has lost patience.
type hangingStore struct{ *memory.Store }

func (h *hangingStore) Load(ctx context.Context, _ string) (storage.Record, error) {
	<-ctx.Done()
	return storage.Record{}, ctx.Err()
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

// A handler that leaves its WebSocket to other goroutines, and returns, would never hear
// of the logout.
func TestDoneClosesWhenNobodyWatchesAnyMore(t *testing.T) {
	s := newSite(t)
	session := s.signedIn().session()
	request, returned := context.WithCancel(t.Context())
	done, other := session.Done(request), session.Done(t.Context())
	returned()
	waitFor(t, done)
	select {
	case <-other:
		t.Fatal("the session goes on")
	default:
	}
	waitFor(t, session.Done(request))
	require.NoError(t, s.p.Close(t.Context()))
	waitFor(t, other)
	waitFor(t, session.Done(t.Context()))
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

func TestClaimsOfTheProgramsOwn(t *testing.T) {
	s := newSite(t)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) {
		c["https://game.example/roles"] = []string{"admin"}
		c["level"], c["EMAIL"] = "nine", "not@the.same"
	}})
	session := s.signedIn().session()
	var claims struct {
		Roles []string `json:"https://game.example/roles"`
		Level int      `json:"level"` // a text in the token
		Email string   `json:"email"`
	}
	require.NoError(t, session.Claims(t.Context(), &claims))
	assert.Equal(t, []string{"admin"}, claims.Roles)
	assert.Zero(t, claims.Level)
	assert.Equal(t, passporttest.DefaultUser().Email, claims.Email, "names are exact")
	var all map[string]any
	require.NoError(t, session.Claims(t.Context(), &all))
	assert.Equal(t, alice, all["sub"])
}

type cart struct {
	Items []string `json:"items"`
}

func TestASessionKeepsTheProgramsData(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.Store, c.EncryptionKeys = &faultyStore{Store: memory.New(memory.Options{})}, someKey()
	})
	b := s.signedIn()
	session := b.session()
	none := cart{Items: []string{"kept"}}
	require.NoError(t, session.Data(t.Context(), &none))
	assert.Equal(t, []string{"kept"}, none.Items, "there is no data yet")

	require.NoError(t, session.SetData(t.Context(), cart{Items: []string{"sword"}}))
	for name, session := range map[string]*passport.Session{"the same": session, "looked up again": b.session()} {
		var got cart
		require.NoError(t, session.Data(t.Context(), &got))
		assert.Equal(t, []string{"sword"}, got.Items, name)
		assert.NotContains(t, fmt.Sprintf("%+v %#v", session, session), "sword")
	}

	s.clock.add(25 * time.Hour) // the access token has expired
	_, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, s.refreshes())
	var got cart
	require.NoError(t, b.session().Data(t.Context(), &got))
	assert.Equal(t, []string{"sword"}, got.Items, "after a refresh")

	require.NoError(t, b.session().SetData(t.Context(), nil))
	got = cart{}
	require.NoError(t, b.session().Data(t.Context(), &got))
	assert.Empty(t, got.Items)
}

// newSiteThatHoldsTokens holds the next request for tokens, once it is armed, until answer
// is closed.
func newSiteThatHoldsTokens(t *testing.T) (s *site, armed *atomic.Bool, asked, answer chan struct{}) {
	t.Helper()
	armed, asked, answer = new(atomic.Bool), make(chan struct{}), make(chan struct{})
	s = newSite(t, func(c *passport.Config) {
		c.HTTPClient = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/oauth/token" && armed.CompareAndSwap(true, false) {
				close(asked)
				<-answer
			}
			return http.DefaultTransport.RoundTrip(r)
		})}
	})
	return s, armed, asked, answer
}

// TestDataThatIsSetDuringARefreshIsKeptAndSoAreTheTokens sets it while the provider
// is being asked.
func TestDataThatIsSetDuringARefreshIsKeptAndSoAreTheTokens(t *testing.T) {
	s, armed, asked, answer := newSiteThatHoldsTokens(t)
	b := s.signedIn()
	armed.Store(true)
	s.clock.add(25 * time.Hour)
	refreshed := make(chan passport.Secret)
	session := b.session()
	go func() {
		token, err := session.AccessToken(t.Context())
		assert.NoError(t, err)
		refreshed <- token
	}()
	<-asked
	require.NoError(t, b.session().SetData(t.Context(), cart{Items: []string{"shield"}}))
	close(answer)
	token := <-refreshed
	var got cart
	require.NoError(t, b.session().Data(t.Context(), &got))
	assert.Equal(t, []string{"shield"}, got.Items)
	stored, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, token, stored, "the refreshed token was stored")
	assert.Equal(t, 1, s.refreshes())
}

func TestARefreshLeavesTheDataThatItsSessionSetMeanwhile(t *testing.T) {
	s, armed, asked, answer := newSiteThatHoldsTokens(t)
	session := s.signedIn().session()
	armed.Store(true)
	refreshed := make(chan error)
	go func() { refreshed <- session.Refresh(t.Context()) }()
	<-asked
	require.NoError(t, session.SetData(t.Context(), cart{Items: []string{"shield"}}))
	close(answer)
	require.NoError(t, <-refreshed)
	var got cart
	require.NoError(t, session.Data(t.Context(), &got))
	assert.Equal(t, []string{"shield"}, got.Items)
}

func TestDataIsBoundedAndBringsNoSessionBack(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session := b.session()
	require.NoError(t, session.SetData(t.Context(), strings.Repeat("x", 8<<10-2)), "with its quotes 8 KB")
	assert.ErrorIs(t, session.SetData(t.Context(), strings.Repeat("x", 8<<10-1)), passport.ErrDataTooLarge)
	assert.ErrorContains(t, session.SetData(t.Context(), func() {}), "JSON")
	var number int
	assert.ErrorContains(t, session.Data(t.Context(), &number), "*int")

	b.logout("Accept", "application/json")
	assert.ErrorIs(t, session.SetData(t.Context(), cart{}), passport.ErrNoSession)
	assert.Empty(t, s.sessions(alice))
}

// What OnEvent asks the session must not wait for the look that caused the event.
func TestOnEventMayAskTheSessionThatCannotBeRead(t *testing.T) {
	var store *memory.Store
	var asked string
	s := newSite(t, func(c *passport.Config) {
		store = memory.New(memory.Options{Now: c.Now})
		c.Store, c.EncryptionKeys = store, someKey()
		c.OnEvent = func(e passport.Event) {
			if e.Context == nil {
				return
			}
			if in := passport.SessionFrom(e.Context); in != nil {
				asked = in.Subject()
				_, err := in.Profile(e.Context)
				assert.Error(t, err)
			}
		}
	})
	b := s.signedIn()
	s.mux.HandleFunc("GET /broken", func(w http.ResponseWriter, r *http.Request) {
		_, err := passport.SessionFrom(r.Context()).Profile(r.Context())
		assert.ErrorIs(t, err, passport.ErrNoSession)
	})
	rec, err := store.Load(t.Context(), b.session().ID())
	require.NoError(t, err)
	rec.Data = slices.Clone(rec.Data)
	rec.Data[len(rec.Data)-1] ^= 1
	_, err = store.Save(t.Context(), rec)
	require.NoError(t, err)
	b.get("/broken")
	assert.NotEmpty(t, asked)
}
