package passport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// slowStore takes its time, and counts who waits.
type slowStore struct {
	*memory.Store
	delay         atomic.Int64 // nanoseconds
	waiting, most atomic.Int64
}

func (s *slowStore) wait(ctx context.Context) error {
	n := s.waiting.Add(1)
	defer s.waiting.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	return tasks.Pause(ctx, time.Duration(s.delay.Load()))
}

// slowly makes a call to a store.
func slowly[T any](ctx context.Context, s *slowStore, call func() (T, error)) (none T, err error) {
	if err := s.wait(ctx); err != nil {
		return none, err
	}
	return call()
}

func (s *slowStore) Load(ctx context.Context, id string) (storage.Record, error) {
	return slowly(ctx, s, func() (storage.Record, error) { return s.Store.Load(ctx, id) })
}

func (s *slowStore) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	return slowly(ctx, s, func() (storage.Record, error) { return s.Store.Save(ctx, r) })
}

func (s *slowStore) Delete(ctx context.Context, id string) (storage.Record, error) {
	return slowly(ctx, s, func() (storage.Record, error) { return s.Store.Delete(ctx, id) })
}

func (s *slowStore) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return slowly(ctx, s, func() ([]storage.Record, error) { return s.Store.DeleteMatching(ctx, m) })
}

func (s *slowStore) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return slowly(ctx, s, func() ([]storage.Record, error) { return s.Store.List(ctx, m) })
}

func (s *slowStore) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	return slowly(ctx, s, func() (storage.Revocation, error) { return s.Store.DeleteAndEnqueue(ctx, id, lease) })
}

func (s *slowStore) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	return slowly(ctx, s, func() ([]storage.Revocation, error) { return s.Store.DeleteMatchingAndEnqueue(ctx, m, lease) })
}

func (s *slowStore) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	return slowly(ctx, s, func() (storage.Revocation, error) { return s.Store.Enqueue(ctx, r, lease) })
}

// A store that takes two seconds makes 503s, quickly, and no pile of requests; and a
// logout in that time is carried out as soon as it can be.
func TestASlowStoreMakesNoPileOfRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store := &slowStore{Store: memory.New(memory.Options{})}
		p := benchPassport(t, func(c *Config) {
			c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
			c.HTTPClient = &http.Client{Transport: &revokesAll{}}
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		stays, leaves := benchSession(t, p, "alice", "sid"), benchSession(t, p, "bob", "another sid")
		h := p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/logout" {
				p.Logout(w, r)
			}
		}))
		ask := func(method, path string, secret Secret) (status int, took time.Duration) {
			began := time.Now()
			r := httptest.NewRequest(method, path, nil)
			r.AddCookie(&http.Cookie{Name: p.http.session, Value: secret.Reveal()})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code, time.Since(began)
		}
		status, _ := ask(http.MethodGet, "/", stays)
		require.Equal(t, http.StatusOK, status)

		store.delay.Store(int64(2 * time.Second))
		var all sync.WaitGroup
		for range 5 {
			for range 2 * circuit.MaxInFlight {
				all.Go(func() {
					status, took := ask(http.MethodGet, "/", stays)
					assert.Equal(t, http.StatusServiceUnavailable, status)
					assert.LessOrEqual(t, took, records.RequestTimeout)
				})
			}
			time.Sleep(time.Second)
		}
		all.Wait()
		assert.LessOrEqual(t, store.most.Load(), int64(circuit.MaxInFlight))
		all.Go(func() { ask(http.MethodGet, "/", stays) }) // the one that finds out
		synctest.Wait()
		_, took := ask(http.MethodGet, "/", stays)
		assert.Zero(t, took, "nobody waits for a store that is known not to answer")

		id := p.records.SessionID(leaves.Reveal())
		status, took = ask(http.MethodPost, "/logout", leaves)
		assert.Equal(t, http.StatusServiceUnavailable, status, "and the page says how to go on")
		assert.Zero(t, took)
		_, err := store.Store.Load(t.Context(), id)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		_, err = store.Store.Load(t.Context(), id)
		assert.ErrorIs(t, err, storage.ErrNotFound, "what was kept does not ask the circuit")

		store.delay.Store(0)
		time.Sleep(2 * time.Second)
		status, _ = ask(http.MethodGet, "/", stays)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, 1, strings.Count(log.String(), "the store does not answer in time"))
		assert.Equal(t, 1, strings.Count(log.String(), "the store answers again"))
		require.NoError(t, p.Close(t.Context()))
	})
}

// A logout that is kept does not wait for the end of its back-off when the store is
// up again.
func TestALogoutIsCarriedOutWhenTheStoreAnswersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{Store: memory.New(memory.Options{})}
		p := benchPassport(t, func(c *Config) {
			c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
			c.HTTPClient = &http.Client{Transport: &revokesAll{}}
		})
		stays, leaves := benchSession(t, p, "alice", "sid"), benchSession(t, p, "bob", "another sid")
		store.delay.Store(int64(time.Hour))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { _, _ = p.Session(t.Context(), stays) })
		}
		all.Wait()
		l, _, err := p.EndBrowserSession(t.Context(), BrowserState{Session: leaves})
		require.ErrorIs(t, err, ErrStoreUnavailable)
		assert.ErrorIs(t, err, circuit.ErrOpen)
		assert.Equal(t, OutcomeFailed, l.App)
		time.Sleep(10 * time.Minute) // by now it is tried once a minute
		for store.waiting.Load() == 0 {
			time.Sleep(time.Second)
		}
		for store.waiting.Load() > 0 {
			time.Sleep(time.Second)
		}

		store.delay.Store(0) // a try has just failed
		_, err = p.Session(t.Context(), stays)
		require.NoError(t, err)
		synctest.Wait()
		_, err = store.Store.Load(t.Context(), p.records.SessionID(leaves.Reveal()))
		assert.ErrorIs(t, err, storage.ErrNotFound)
		require.NoError(t, p.Close(t.Context()))
	})
}

func TestTheBeginningOfALoginWaitsForNoStoreBeyondItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{Store: memory.New(memory.Options{})}
		p := benchPassport(t, func(c *Config) {
			c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
		})
		store.delay.Store(int64(time.Hour))
		began := time.Now()
		_, _, err := p.BeginLogin(t.Context(), BrowserState{Logout: p.newLogoutState("some sid")}, LoginOptions{})
		assert.LessOrEqual(t, time.Since(began), beginTimeout, err)
	})
}

// Each way into the store stands behind the circuit: under a load of any one of them, few
// wait for a store that has become slow, nobody for long, and soon nobody at all.
func TestWhateverIsAskedForNobodyWaitsForASlowStore(t *testing.T) {
	const each, seconds = 2 * circuit.MaxInFlight, 5
	user := storage.Match{Subject: "alice"}
	for name, load := range map[string]func(t *testing.T, p *Passport, signedIn, login BrowserState, state string) error{
		"a login": func(t *testing.T, p *Passport, signedIn, _ BrowserState, _ string) error {
			_, _, err := p.BeginLogin(t.Context(), signedIn, LoginOptions{ReturnTo: "/" + strings.Repeat("x", 1500)})
			return err
		},
		"a callback": func(t *testing.T, p *Passport, _, login BrowserState, state string) error {
			_, _, err := p.FinishLogin(t.Context(), login, url.Values{"state": {state}, "code": {"code"}})
			return err
		},
		"a logout": func(t *testing.T, p *Passport, signedIn, login BrowserState, _ string) error {
			signedIn.Logins = login.Logins
			_, _, err := p.EndBrowserSession(t.Context(), signedIn)
			return err
		},
		"a logout of a browser that is signing in": func(t *testing.T, p *Passport, _, login BrowserState, _ string) error {
			_, _, err := p.EndBrowserSession(t.Context(), login)
			return err
		},
		"EndSession": func(t *testing.T, p *Passport, signedIn, _ BrowserState, _ string) error {
			_, err := p.EndSession(t.Context(), p.records.SessionID(signedIn.Session.Reveal()))
			return err
		},
		"Sessions": func(t *testing.T, p *Passport, _, _ BrowserState, _ string) error {
			_, err := p.Sessions(t.Context(), user.Subject)
			return err
		},
		"SetLabel": func(t *testing.T, p *Passport, signedIn, _ BrowserState, _ string) error {
			id := p.records.SessionID(signedIn.Session.Reveal())
			rec, err := p.c.Store.(*slowStore).Store.Load(t.Context(), id)
			require.NoError(t, err)
			return (&Session{p: p, rec: rec}).SetLabel(t.Context(), "label")
		},
		"a refresh": func(t *testing.T, p *Passport, signedIn, _ BrowserState, _ string) error {
			id := p.records.SessionID(signedIn.Session.Reveal())
			_, err := p.refreshUnless(t.Context(), id, records.NewSecret(), func(tokens) bool { return false })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &slowStore{Store: memory.New(memory.Options{})}
				p := benchPassport(t, func(c *Config) {
					c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
					c.HTTPClient = &http.Client{Transport: &revokesAll{}}
					c.BearerTokens = true // their marks are stored with each logout
				})
				signedIn := BrowserState{Session: benchSession(t, p, user.Subject, "sid")}
				address, login, err := p.BeginLogin(t.Context(), BrowserState{}, LoginOptions{})
				require.NoError(t, err)
				begun, err := url.Parse(address)
				require.NoError(t, err)
				state := begun.Query().Get("state")

				store.delay.Store(int64(2 * time.Second))
				before := runtime.NumGoroutine()
				var all sync.WaitGroup
				var served, waited atomic.Int64 // once the store is known to be slow
				for second := range seconds {
					for range 10 { // of users who look at pages meanwhile
						all.Go(func() { _, _ = p.Session(t.Context(), signedIn.Session) })
					}
					for range each {
						all.Go(func() {
							began := time.Now()
							err := load(t, p, signedIn, login, state)
							assert.LessOrEqual(t, time.Since(began), 6*time.Second+readPatience)
							if second > 2 && !errors.Is(err, ErrStoreUnavailable) {
								served.Add(1)
							}
							if second > 2 && time.Since(began) > 0 {
								waited.Add(1)
							}
						})
					}
					time.Sleep(time.Second)
					synctest.Wait()
					assert.LessOrEqual(t, runtime.NumGoroutine()-before, 4*circuit.MaxInFlight, "after %d s", second+1)
				}
				assert.LessOrEqual(t, runtime.NumGoroutine()-before, 100, "nobody waits any more")
				all.Wait()
				assert.LessOrEqual(t, waited.Load(), int64(seconds), "but for those who find out whether it is back")
				if name != "a login" { // which needs no store
					assert.LessOrEqual(t, served.Load(), int64(seconds))
				}
				assert.LessOrEqual(t, store.most.Load(), int64(2*circuit.MaxInFlight))
				_ = p.Close(t.Context())
			})
		})
	}
}

// slowing is a Passport whose store becomes slow, with the session of a user who looks at
// pages until the circuit opens.
func slowing(t *testing.T, answers http.RoundTripper) (p *Passport, store *slowStore, open func()) {
	store = &slowStore{Store: memory.New(memory.Options{})}
	p = benchPassport(t, func(c *Config) {
		c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
		c.HTTPClient = &http.Client{Transport: answers}
	})
	looks := benchSession(t, p, "alice", "sid")
	return p, store, func() {
		store.delay.Store(int64(1200 * time.Millisecond)) // it works
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { _, _ = p.Session(t.Context(), looks) })
		}
		all.Wait()
	}
}

// Nobody would try these again.
func TestALogoutEverywhereIsCarriedOutWhileTheCircuitIsOpen(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, p *Passport) error{
		"EndSessions": func(ctx context.Context, p *Passport) error {
			_, err := p.EndSessions(ctx, storage.Match{Subject: "bob"})
			return err
		},
		"the others": func(ctx context.Context, p *Passport) error {
			_, err := p.EndSessions(ctx, storage.Match{Subject: "bob", Except: p.records.SessionID("another")})
			return err
		},
		"by a frame": func(ctx context.Context, p *Passport) error { return p.endByFrame(ctx, "another sid") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, store, open := slowing(t, &revokesAll{})
				bob := benchSession(t, p, "bob", "another sid")
				open()
				assert.NoError(t, end(t.Context(), p))
				store.delay.Store(0)
				time.Sleep(2 * time.Second)
				_, err := p.Session(t.Context(), bob)
				assert.ErrorIs(t, err, ErrNoSession)
				_ = p.Close(t.Context())
			})
		})
	}
}

// tokenAnswers answers requests for tokens, after it has called asked.
type tokenAnswers struct {
	status int
	body   string
	asked  func()
}

func (a *tokenAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "token") {
		a.asked()
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func expired(t *testing.T, p *Passport) Secret {
	old := benchTokens
	old.Expiry = time.Now().Add(-time.Minute)
	return benchSessionOf(t, p, old, "bob", "another sid")
}

// Otherwise nobody would refresh these tokens until the lease ends.
func TestARefreshThatFailsWhileTheCircuitIsOpenGivesUpItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := &tokenAnswers{status: http.StatusInternalServerError, body: "{}"}
		p, store, open := slowing(t, answers)
		id := p.records.SessionID(expired(t, p).Reveal())
		answers.asked = open
		_, err := p.refresh(t.Context(), id)
		require.Error(t, err)
		store.delay.Store(0)
		time.Sleep(15 * time.Second)
		began, asked := time.Now(), time.Time{}
		answers.asked = func() { asked = time.Now() }
		_, err = p.refresh(t.Context(), id)
		assert.Error(t, err)
		assert.Less(t, asked.Sub(began), 2*time.Second)
		_ = p.Close(t.Context())
	})
}

func TestARefreshThatIsRefusedWhileTheCircuitIsOpenEndsItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := &tokenAnswers{status: http.StatusBadRequest, body: `{"error":"invalid_grant"}`}
		p, store, open := slowing(t, answers)
		bob := expired(t, p)
		answers.asked = open
		_, err := p.refresh(t.Context(), p.records.SessionID(bob.Reveal()))
		assert.ErrorIs(t, err, ErrNoSession)
		store.delay.Store(0)
		time.Sleep(15 * time.Second)
		_, err = p.Session(t.Context(), bob)
		assert.ErrorIs(t, err, ErrNoSession)
		_ = p.Close(t.Context())
	})
}

// Whoever logs out without a session may have made the logins up, and it costs them
// nothing while the store is not asked.
func TestMadeUpLoginsLeaveRoomForLogoutsWhileTheCircuitIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store, open := slowing(t, &revokesAll{})
		bob := benchSession(t, p, "bob", "another sid")
		open()
		store.delay.Store(int64(time.Hour))
		for range 12_500 {
			var b BrowserState
			for range 8 {
				b.Logins = append(b.Logins, Secret(loginstate.NewBinding()))
			}
			_, _, _ = p.EndBrowserSession(t.Context(), b)
		}
		assert.LessOrEqual(t, p.retries.Count(func(retry.Job) bool { return true }), mostAbsences)
		_, _, err := p.EndBrowserSession(t.Context(), BrowserState{Session: bob})
		assert.ErrorIs(t, err, ErrStoreUnavailable)
		store.delay.Store(0)
		time.Sleep(5 * time.Minute)
		_, err = p.Session(t.Context(), bob)
		assert.ErrorIs(t, err, ErrNoSession)
		_ = p.Close(t.Context())
	})
}

// slowWrites reads at once, and confirms a write after a while, as a store does that
// waits for its replicas' disks.
type slowWrites struct{ *slowStore }

func (s *slowWrites) Load(ctx context.Context, id string) (storage.Record, error) {
	return s.Store.Load(ctx, id)
}

func TestAStoreThatWaitsForDisksIsNotTakenForOneThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowWrites{&slowStore{Store: memory.New(memory.Options{})}}
		p := benchPassport(t, func(c *Config) {
			c.Store, c.EncryptionKeys = store, [][]byte{[]byte("a key of exactly thirty-two byte")}
			c.HTTPClient = &http.Client{Transport: &revokesAll{}}
		})
		var users []Secret
		for range 60 {
			users = append(users, benchSession(t, p, "alice", "sid"))
		}
		stays := benchSession(t, p, "bob", "another sid")
		_, login, err := p.BeginLogin(t.Context(), BrowserState{}, LoginOptions{})
		require.NoError(t, err)
		store.delay.Store(int64(1500 * time.Millisecond))
		var all sync.WaitGroup
		for i, user := range users {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second / 2)
				_, _, err := p.EndBrowserSession(t.Context(), BrowserState{Session: user, Logins: login.Logins})
				assert.NoError(t, err, "logout %d", i)
			})
		}
		for i := range 10 {
			all.Go(func() {
				time.Sleep(time.Duration(i)*3*time.Second + 1700*time.Millisecond)
				_, err := p.Session(t.Context(), stays)
				assert.NoError(t, err, "page %d", i)
			})
		}
		all.Wait()
		store.delay.Store(0)
		_ = p.Close(t.Context())
	})
}
