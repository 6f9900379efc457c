package processtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/redistest"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

// grace is for how long after a restart a user may see an error: on a busy machine,
// connections take their time.
const grace = 3 * time.Second

// TestSoak is TestLoad for a long time, with all that happens to a deployment: keys
// rotate, each instance is restarted, the store is killed and comes back, and users sign
// out at the auth domain. No user sees an error but at a restart, nobody is signed in
// after a logout, memory and goroutines do not grow, and at the end no revocation is
// pending. "make soak" runs it for SOAK_SECONDS with each store, and SOAK_SESSIONS.
func TestSoak(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T) soakStore{"redis": soakRedis, "postgres": soakPostgres} {
		t.Run(name, func(t *testing.T) {
			s := newSoak(t, begin(t))
			defer s.transport.CloseIdleConnections()
			s.run(t, time.Duration(fromEnv(t, "SOAK_SECONDS", 8))*time.Second)
		})
	}
}

// soakStore is a server that can be killed.
type soakStore struct {
	address string
	kill    func()
	restart func() error
}

func soakRedis(t *testing.T) soakStore {
	t.Helper()
	server, err := redistest.Start("--appendonly", "yes", "--appendfsync", "everysec")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return soakStore{"redis:" + server.Addr, server.Kill, server.Restart}
}

func soakPostgres(t *testing.T) soakStore {
	t.Helper()
	server, err := postgrestest.Start("fsync=off")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	require.NoError(t, migrate(server.URL()))
	return soakStore{"postgres:" + server.URL(), func() { require.NoError(t, server.Kill()) }, server.Restart}
}

// longRun is one with a store.
type longRun struct {
	load
	store     soakStore
	domain    *passporttest.Server
	processes []*process
	users     []*soakUser

	mu       sync.Mutex
	restarts []span
	failures []failure
	untold   map[string]bool // SIDs that ended at the auth domain while an instance was away
}

// span is a time in which something was being restarted.
type span struct{ from, to time.Time }

func (s span) touches(o span) bool { return s.from.Before(o.to) && o.from.Before(s.to) }

// failure is an error that a user saw.
type failure struct {
	span
	err error
}

func newSoak(t *testing.T, store soakStore) *longRun {
	t.Helper()
	atOnce := fromEnv(t, "SOAK_USERS", 8)
	s := &longRun{store: store, untold: map[string]bool{}, load: load{live: fromEnv(t, "SOAK_SESSIONS", 300), transport: &http.Transport{MaxIdleConnsPerHost: 2 * atOnce}}}
	var listen []string
	for range 2 {
		probe, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listen = append(listen, probe.Addr().String())
		require.NoError(t, probe.Close())
	}
	s.domain = passporttest.NewServer(passporttest.Options{
		AutoLogin: true, AccessTokenLifetime: 32 * time.Second,
		Clients: []passporttest.Client{{ID: passporttest.ClientID, AnyLoopback: true, BackChannelLogoutURI: "http://" + listen[0] + "/backchannel"}},
	})
	t.Cleanup(s.domain.Close)
	s.auth = s.domain.URL
	populate(t, s.domain, store.address, s.live)
	for _, addr := range listen {
		p := start(t, task{Kind: "serve", Store: store.address, Auth: s.auth, Listen: addr})
		s.processes = append(s.processes, p)
		s.instances = append(s.instances, p.says())
	}
	for i := range atOnce {
		u := &soakUser{user: s.newUser(uint64(i)), soak: s}
		require.NoError(t, u.signIn())
		s.users = append(s.users, u)
	}
	return s
}

func (s *longRun) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	begun := time.Now()
	var done sync.WaitGroup
	for _, u := range s.users {
		done.Go(func() {
			for ctx.Err() == nil {
				u.goOn()
			}
		})
	}
	at := func(percent time.Duration) { time.Sleep(time.Until(begun.Add(d * percent / 100))) }
	at(8)
	s.domain.RotateKeys()
	at(15)
	s.during(func() { s.restartInstance(t, 0) })
	at(25)
	s.during(func() { s.store.kill(); require.NoError(t, s.store.restart()) })
	at(35)
	s.during(func() { s.restartInstance(t, 1) })
	at(45)
	s.domain.RotateKeys()
	var taken []usage
	for percent := time.Duration(50); percent <= 100; percent += 2 {
		at(percent)
		taken = append(taken, s.usage(t))
	}
	stop()
	done.Wait()
	var everybody []*user
	for _, u := range s.users {
		everybody = append(everybody, u.user)
	}
	report(t, "soak", everybody, time.Since(begun), taken)
	s.assertFlat(t, taken)
	s.assertQuiet(t)
	s.assertNothingPending(t)
}

// during notes down when something was being restarted.
func (s *longRun) during(restart func()) {
	from := time.Now()
	s.mu.Lock()
	s.restarts = append(s.restarts, span{from, from.Add(time.Hour)}) // until it is known
	s.mu.Unlock()
	restart()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restarts[len(s.restarts)-1].to = time.Now()
}

// restartInstance has it finish what it has begun, as a deployment does.
func (s *longRun) restartInstance(t *testing.T, i int) {
	t.Helper()
	s.processes[i].finish()
	addr := s.instances[i][len("http://"):]
	s.processes[i] = start(t, task{Kind: "serve", Store: s.store.address, Auth: s.auth, Listen: addr})
	require.Equal(t, s.instances[i], s.processes[i].says())
}

// restarting reports whether an error may be due to a restart.
func (s *longRun) restarting(during span) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.restarts, func(r span) bool {
		return during.touches(span{r.from, r.to.Add(grace)})
	})
}

func (s *longRun) note(f failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, f)
}

// assertFlat compares the last fifth of the samples with the first.
func (s *longRun) assertFlat(t *testing.T, taken []usage) {
	t.Helper()
	assertFlat(t, taken)
	fifth := len(taken) / 5
	most := func(some []usage) int {
		return slices.MaxFunc(some, func(a, b usage) int { return a.Goroutines - b.Goroutines }).Goroutines
	}
	early, late := most(taken[:fifth]), most(taken[len(taken)-fifth:])
	t.Logf("goroutines of the instances: %d, then %d", early, late)
	assert.Less(t, late, early+early/2+20, "goroutines grow")
}

// assertQuiet reports for how long after a restart there were errors.
func (s *longRun) assertQuiet(t *testing.T) {
	t.Helper()
	for _, r := range s.restarts {
		var n int
		last := r.from
		for _, f := range s.failures {
			if f.touches(span{r.from, r.to.Add(grace)}) {
				n++
				last = latest(last, f.to)
			}
		}
		t.Logf("a restart of %s: %d errors in %s", r.to.Sub(r.from).Round(time.Millisecond), n, last.Sub(r.from).Round(time.Millisecond))
	}
	for _, f := range s.failures {
		assert.True(t, s.restarting(f.span), "no restart excuses: %v", f.err)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// assertNothingPending has everybody log out, and looks at what is left.
func (s *longRun) assertNothingPending(t *testing.T) {
	t.Helper()
	for _, u := range s.users {
		if _, err := u.cookie(); err == nil {
			require.NoError(t, u.logOut())
		}
	}
	for _, p := range s.processes {
		p.finish()
	}
	// Who could not come to the end of a logout has still a session there.
	live := maps.Clone(s.untold)
	for _, session := range s.domain.Sessions() {
		live[session.SID] = true
	}
	for _, token := range s.domain.RefreshTokens(passporttest.Live) {
		assert.True(t, live[token.SID], "a refresh token outlives its session")
	}
	assert.Empty(t, s.domain.Incidents(), "no token was used twice")
	ahead, closeStore, err := open(s.store.address, func() time.Time { return time.Now().Add(2 * time.Hour) })
	require.NoError(t, err)
	defer func() { assert.NoError(t, closeStore()) }()
	tenant := envelope.NewTenant(s.auth+"/", passporttest.ClientID).Name()
	pending, err := ahead.Claim(t.Context(), tenant, 10, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, pending, "revocations in the queue")
}

// soakUser is a user who puts up with restarts.
type soakUser struct {
	*user
	soak *longRun
}

// goOn does the next thing. After an error the user begins anew, in a new browser.
func (u *soakUser) goOn() {
	from := time.Now()
	err := u.do()
	if err == nil {
		return
	}
	u.soak.note(failure{span{from, time.Now()}, err})
	u.forget()
	for u.signIn() != nil && u.soak.restarting(span{from, time.Now()}) {
		time.Sleep(50 * time.Millisecond)
	}
}

func (u *soakUser) do() error {
	if _, err := u.cookie(); err != nil {
		return u.signIn()
	}
	if u.rng.IntN(200) == 0 {
		return u.leaveElsewhere()
	}
	return u.next()
}

// leaveElsewhere signs out at the auth domain, which tells the instances.
func (u *soakUser) leaveElsewhere() error {
	cookie, err := u.cookie()
	if err != nil {
		return err
	}
	sid, err := u.sid()
	if err != nil {
		return err
	}
	if !u.soak.domain.EndSession(sid) {
		return errors.New("the auth domain does not know the session")
	}
	if err := u.assertOut(cookie); err != nil {
		u.soak.mu.Lock()
		u.soak.untold[sid] = true
		u.soak.mu.Unlock()
		return fmt.Errorf("at the auth domain: %w", err)
	}
	u.forget()
	return u.signIn()
}

func (u *soakUser) sid() (string, error) {
	res, err := u.browser.Get(u.anyInstance() + "/sid")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	sid, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = &statusError{res.Request, res.StatusCode, http.StatusOK}
	}
	return string(sid), err
}
