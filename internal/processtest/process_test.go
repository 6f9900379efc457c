package processtest

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/modeltest"
	"github.com/passport-go/passport/passporttest"
)

// authDomain is one whose access tokens have always to be refreshed.
func authDomain(t *testing.T, lifetime time.Duration) *passporttest.Server {
	t.Helper()
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, AccessTokenLifetime: lifetime})
	t.Cleanup(auth.Close)
	return auth
}

// signIn begins a session in the store at address and returns its secret id.
func signIn(t *testing.T, auth *passporttest.Server, address string) string {
	t.Helper()
	p, closeStore, err := program(task{Store: address, Auth: auth.URL}, nil, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, closeStore()) }()
	address, b, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	browser := auth.Browser()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := browser.Get(address)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	back, err := url.Parse(res.Header.Get("Location"))
	require.NoError(t, err)
	in, _, err := p.FinishLogin(t.Context(), b, back.Query())
	require.NoError(t, err)
	require.NoError(t, p.Close(t.Context()))
	return in.SessionID.Reveal()
}

// revocationPatience is how long the next start may take to revoke.
const revocationPatience = 30 * time.Second

// afterwards checks what a killed logout has left: a whole session, or none and
// its token revoked by the next start, and how soon.
func afterwards(t *testing.T, auth *passporttest.Server, address, session string) (whole bool, revoked time.Duration) {
	t.Helper()
	// What the killed process held falls due when its hold ends.
	next := start(t, task{Kind: "recover", Store: address, Auth: auth.URL, SessionID: session, Ahead: 2 * time.Minute})
	defer next.finish()
	switch said := next.says(); said {
	case "whole":
		assert.Len(t, auth.RefreshTokens(passporttest.Live), 1)
		return true, 0
	default:
		assert.Equal(t, "gone", said)
		began := time.Now()
		assert.Eventually(t, func() bool { return len(auth.RefreshTokens(passporttest.Live)) == 0 }, revocationPatience, 10*time.Millisecond,
			"the refresh token is revoked after the restart")
		return false, time.Since(began)
	}
}

func TestALogoutKilledAtAnyStepLeavesAWholeSessionOrNone(t *testing.T) {
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcomes := map[bool]int{}
			for step := int64(1); ; step++ {
				require.Less(t, step, int64(50), "a logout has an end")
				auth := authDomain(t, 0)
				session := signIn(t, auth, address)
				child := start(t, task{Kind: "logout", Store: address, Auth: auth.URL, SessionID: session, Step: step})
				if child.says() == "done" {
					child.finish()
					assert.Empty(t, auth.RefreshTokens(passporttest.Live))
					t.Logf("%d steps: %d times whole, %d times gone", step-1, outcomes[true], outcomes[false])
					break
				}
				child.kill()
				whole, _ := afterwards(t, auth, address, session)
				outcomes[whole]++
			}
			assert.Positive(t, outcomes[true], "killed before the session was removed")
			assert.Positive(t, outcomes[false], "killed after it")
		})
	}
}

func TestALogoutKilledAtAnyMomentLeavesAWholeSessionOrNone(t *testing.T) {
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			var count killCount
			defer func() { t.Log(count) }()
			for range *kills {
				auth := authDomain(t, 0)
				session := signIn(t, auth, address)
				child := start(t, task{Kind: "logout", Store: address, Auth: auth.URL, SessionID: session})
				time.Sleep(time.Duration(rng.Int64N(int64(150 * time.Millisecond)))) // the moment is the input
				child.kill()
				count.add(afterwards(t, auth, address, session))
			}
		})
	}
}

// killCount is what became of logouts whose processes were killed.
type killCount struct {
	whole, gone, late, never int
	slowest                  time.Duration // revocation after the restart
}

// add counts a revocation as late that did not come with the first look at the queue.
func (c *killCount) add(whole bool, revoked time.Duration) {
	switch {
	case whole:
		c.whole++
		return
	case revoked >= revocationPatience:
		c.never++
	case revoked >= time.Second:
		c.late++
	}
	c.gone++
	c.slowest = max(c.slowest, revoked)
}

func (c killCount) String() string {
	return fmt.Sprintf("%d kills: %d sessions whole, %d gone; %d revoked by a later look at the queue, %d not within %s, the slowest after %s",
		c.whole+c.gone, c.whole, c.gone, c.late, c.never, revocationPatience, c.slowest.Round(time.Millisecond))
}

func TestProcessesThatRefreshAndLogOutAtOnceKeepThePromises(t *testing.T) {
	for _, name := range []string{"redis", "postgres"} { // a bolt file is one process's
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := addresses(t)[name]
			for round := range uint64(3) {
				auth := authDomain(t, 31*time.Second)
				session := signIn(t, auth, address)
				var all []*process
				for i := range uint64(4) {
					all = append(all, start(t, task{Kind: "use", Store: address, Auth: auth.URL, SessionID: session, Seed: round*10 + i, Ahead: 5 * time.Second}))
				}
				for _, p := range all {
					assert.Equal(t, "done", p.says())
					p.finish()
				}
				assert.Empty(t, auth.Incidents(), "one refresh per rotation")
				rest := start(t, task{Kind: "recover", Store: address, Auth: auth.URL, SessionID: session, Ahead: 2 * time.Minute})
				if rest.says() == "gone" {
					require.Eventually(t, func() bool { return len(auth.RefreshTokens(passporttest.Live)) == 0 }, 30*time.Second, 10*time.Millisecond)
				}
				rest.finish()
			}
		})
	}
}

var (
	schedules = flag.Uint64("schedules", 100, "how many random schedules to play on each store")
	soak      = flag.Uint64("soak", 1, "how many times as many")
	kills     = flag.Uint64("kills", 6, "how many logouts of each store are killed at a random moment")
)

func TestRandomSchedulesOnRealStores(t *testing.T) {
	for name, address := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := opened(t, address)
			var played sync.WaitGroup
			room := make(chan struct{}, 8)
			for seed := range *schedules * *soak {
				played.Go(func() {
					room <- struct{}{}
					defer func() { <-room }()
					schedule := modeltest.Schedule{Seed: seed, Instances: 1 + int(seed%3), Calls: 4 + int(seed%6), Spread: 100 * time.Millisecond}
					assert.NoError(t, modeltest.Play(t, schedule, s))
				})
			}
			played.Wait()
		})
	}
}

func TestAServerThatIsKilledInTheMiddleLosesNothing(t *testing.T) {
	type server struct {
		address string
		kill    func()
		restart func() error
	}
	for name, s := range map[string]server{
		"redis":    {"redis:" + servers.redis.Addr, servers.redis.Kill, servers.redis.Restart},
		"postgres": {"postgres:" + servers.postgres.URL(), func() { require.NoError(t, servers.postgres.Kill()) }, servers.postgres.Restart},
	} {
		t.Run(name, func(t *testing.T) {
			auth := authDomain(t, 0)
			session := signIn(t, auth, s.address)
			p, closeStore, err := program(task{Store: s.address, Auth: auth.URL}, nil, nil)
			require.NoError(t, err)
			defer func() { require.NoError(t, closeStore()) }()
			in, err := p.Session(t.Context(), passport.Secret(session))
			require.NoError(t, err)

			s.kill()
			l, err := p.EndSession(t.Context(), in.ID())
			assert.Error(t, err, "no false success")
			assert.Equal(t, passport.OutcomeFailed, l.App)
			assert.NotEmpty(t, l.URL, "the browser still gets its logout URL")
			_, err = p.Session(t.Context(), passport.Secret(session))
			assert.Error(t, err)
			assert.NotErrorIs(t, err, passport.ErrNoSession, "a store that is down is no stranger")

			require.NoError(t, s.restart())
			require.Eventually(t, func() bool {
				_, err := p.Session(context.Background(), passport.Secret(session))
				return fmt.Sprint(err) == fmt.Sprint(passport.ErrNoSession)
			}, 60*time.Second, 20*time.Millisecond, "ended as soon as the store is back")
			require.Eventually(t, func() bool { return len(auth.RefreshTokens(passporttest.Live)) == 0 }, 30*time.Second, 10*time.Millisecond)
			require.NoError(t, p.Close(t.Context()))
		})
	}
}
