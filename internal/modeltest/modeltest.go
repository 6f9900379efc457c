// Package modeltest plays random schedules of refreshes, requests and logouts
// on several instances that share one store, and checks what must hold whatever
// the order, and whatever fails on the way: no session comes back from the dead,
// the auth domain never sees a refresh token used twice, and no token outlives
// its session.
//
// A schedule follows from its seed: every call of an instance to the store or to
// the auth domain is delayed by a random time, and may fail. In a
// testing/synctest bubble the same seed is the same schedule, and takes no time
// at all; against a real server the delays are real and the order is as near as
// can be.
package modeltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// Store is what a schedule needs of a store.
type Store interface {
	storage.TokenStore
	storage.RevocationQueue
}

// Schedule describes one random run.
type Schedule struct {
	Seed      uint64
	Instances int           // programs that share the store; at least 1
	Calls     int           // refreshes, requests and logouts in all
	Spread    time.Duration // calls begin within this time, and each step takes up to a tenth of it

	// Faults is how many of 100 calls fail, to the store and of those that
	// revoke: half before they have an effect, and half after it, when the
	// answer is lost. The pending revocations are done minutes later, so schedules with
	// faults are for a bubble.
	Faults int
}

const (
	redirectURI = "http://127.0.0.1/redirect"

	// skew is how far the clock of each instance is ahead of the one before.
	skew = 5 * time.Second

	// settling is longer than pending revocations take once nothing fails any more: the
	// lease of a lost answer, and a few pauses between tries.
	settling    = 4 * time.Minute
	longestWait = 10 * time.Minute
)

// Play plays a schedule on a store and returns what went wrong, or nil. Several
// may be played at once, on one store too.
func Play(t testing.TB, s Schedule, store Store) error {
	t.Helper()
	w := &world{
		schedule: s,
		rng:      rand.New(rand.NewPCG(s.Seed, 1)),
		auth:     passporttest.New(passporttest.Options{AutoLogin: true, Issuer: "http://127.0.0.1/", AccessTokenLifetime: 31 * time.Second}),
	}
	for i := range s.Instances {
		p, err := w.instance(store, uint64(i))
		if err != nil {
			return err
		}
		w.instances = append(w.instances, p)
	}
	id, err := w.signIn()
	if err != nil {
		return err
	}
	w.run(id)
	return w.verdict(id)
}

type world struct {
	schedule  Schedule
	rng       *rand.Rand
	auth      *passporttest.AuthDomain
	instances []*passport.Passport
	ahead     atomic.Int64 // of the instances' clocks, a time.Duration
	troubled  atomic.Bool  // calls fail

	mu        sync.Mutex
	tried     bool // some logout has been asked for
	bound     bool // and it must have come about in the end
	loggedOut bool // it has returned
	wrong     []error
}

func (w *world) instance(store Store, n uint64) (*passport.Passport, error) {
	pace := &pace{w: w, rng: rand.New(rand.NewPCG(w.schedule.Seed, 2+n))}
	return passport.New(passport.Config{
		ClientID:       passporttest.ClientID,
		AuthDomain:     "http://127.0.0.1",
		RedirectURI:    redirectURI,
		Store:          slow{Store: store, pace: pace},
		EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		HTTPClient:     &http.Client{Transport: direct{handler: w.auth, pace: pace}},
		IdleTimeout:    longestWait, // written down every ten seconds
		Now:            func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load()) + time.Duration(n)*skew) },
	})
}

// signIn makes a session whose access token has run out by the time it is used,
// and whose next use is written down.
func (w *world) signIn() (passport.Secret, error) {
	ctx := context.Background()
	p := w.instances[0]
	address, b, err := p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
	if err != nil {
		return "", err
	}
	answer := httptest.NewRecorder()
	w.auth.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, address, nil))
	back, err := url.Parse(answer.Header().Get("Location"))
	if err != nil {
		return "", err
	}
	in, _, err := p.FinishLogin(ctx, b, back.Query())
	w.ahead.Store(int64(10 * time.Second))
	return in.SessionID, err
}

// run makes all the calls and closes the instances.
func (w *world) run(id passport.Secret) {
	w.troubled.Store(w.schedule.Faults > 0)
	var calls sync.WaitGroup
	for range w.schedule.Calls {
		p := w.instances[w.rng.IntN(len(w.instances))]
		call := w.refresh
		switch w.rng.IntN(12) {
		case 0:
			call = w.logOut
		case 1:
			call = w.logOutEverywhere
		case 2, 3:
			call = w.request
		}
		begin := w.within(w.schedule.Spread)
		calls.Go(func() {
			time.Sleep(begin)
			call(p, id)
		})
	}
	calls.Wait()
	if w.troubled.Swap(false) {
		time.Sleep(settling)
	}
	for _, p := range w.instances {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := p.Close(ctx); err != nil {
			w.fault("Close: %w", err)
		}
		cancel()
	}
}

func (w *world) within(d time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(d) + 1))
}

func (w *world) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loggedOut
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Errorf(format, args...))
}

// unexpected reports whether err is neither the end of the session nor a fault
// of the schedule's own.
func unexpected(err error) bool {
	return err != nil && !errors.Is(err, passport.ErrNoSession) && !errors.Is(err, errFault)
}

// find looks the session up.
func (w *world) find(p *passport.Passport, id passport.Secret) (*passport.Session, error) {
	after := w.ended()
	s, err := p.Session(context.Background(), id)
	if err == nil && after {
		w.fault("a session was found after its logout")
	}
	return s, err
}

func (w *world) request(p *passport.Passport, id passport.Secret) {
	if _, err := w.find(p, id); unexpected(err) {
		w.fault("request: %w", err)
	}
}

func (w *world) refresh(p *passport.Passport, id passport.Secret) {
	s, err := w.find(p, id)
	if err == nil {
		_, err = s.AccessToken(context.Background())
	}
	if unexpected(err) {
		w.fault("refresh: %w", err)
	}
}

// logOut asks for a logout that comes about even if the store does not answer.
func (w *world) logOut(p *passport.Passport, id passport.Secret) {
	s, err := w.find(p, id)
	if err == nil {
		_, err = p.EndSession(context.Background(), s.ID())
		w.note(err, true)
	}
	if unexpected(err) {
		w.fault("logout: %w", err)
	}
}

// logOutEverywhere asks for one that may have to be asked for again.
func (w *world) logOutEverywhere(p *passport.Passport, id passport.Secret) {
	s, err := w.find(p, id)
	if err == nil {
		_, err = p.EndSessions(context.Background(), storage.Match{SID: s.Info().SID})
		w.note(err, err == nil)
	}
	if unexpected(err) {
		w.fault("logout everywhere: %w", err)
	}
}

// note writes down what came of a logout.
func (w *world) note(err error, bound bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tried = true
	w.bound = w.bound || bound
	w.loggedOut = w.loggedOut || err == nil
}

// verdict looks at what is left when everything has come to rest.
func (w *world) verdict(id passport.Secret) error {
	if reused := w.auth.Incidents(); len(reused) > 0 {
		w.fault("the auth domain saw %d uses of a refresh token that was used up", len(reused))
	}
	_, err := w.instances[0].Session(context.Background(), id)
	lives := err == nil
	switch tokens := len(w.auth.RefreshTokens(passporttest.Live)); {
	case unexpected(err):
		w.fault("the session cannot be looked up: %w", err)
	case lives && w.bound:
		w.fault("the session is back")
	case lives && tokens != 1:
		w.fault("the session lives with %d refresh tokens", tokens)
	case !lives && tokens > 0:
		w.fault("%d refresh tokens outlive the session", tokens)
	case !lives && !w.tried:
		w.fault("the session is lost: %w", err)
	}
	if len(w.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("schedule %+v: %w", w.schedule, errors.Join(slices.Compact(w.wrong)...))
}

// pace delays each step by a random time, and picks those that fail.
type pace struct {
	w   *world
	mu  sync.Mutex
	rng *rand.Rand
}

var errFault = errors.New("a fault of the schedule")

// step returns errFault for one of the two halves of a call that fails.
func (p *pace) step() error {
	p.mu.Lock()
	most := int64(p.w.schedule.Spread / 10)
	d, fails := time.Duration(p.rng.Int64N(most+1)), p.rng.IntN(200) < p.w.schedule.Faults
	p.mu.Unlock()
	time.Sleep(d)
	if fails && p.w.troubled.Load() {
		return errFault
	}
	return nil
}

// direct carries requests to a handler without a network, each way in its time.
type direct struct {
	handler http.Handler
	pace    *pace
}

// RoundTrip fails only where nothing is lost with the answer: the old refresh
// token is used up although the new one has not arrived.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	revokes := strings.HasSuffix(r.URL.Path, "/revoke")
	if err := d.pace.step(); err != nil && revokes {
		return nil, err
	}
	answer := httptest.NewRecorder()
	d.handler.ServeHTTP(answer, r)
	if err := d.pace.step(); err != nil && revokes {
		return nil, err
	}
	return answer.Result(), r.Context().Err()
}

// slow is a store each of whose calls takes its time, before and after.
type slow struct {
	Store
	pace *pace
}

func call[T any](s slow, f func() (T, error)) (v T, err error) {
	if err := s.pace.step(); err != nil {
		return v, err
	}
	v, err = f()
	if lost := s.pace.step(); lost != nil {
		var none T
		return none, lost
	}
	return v, err
}

func try(s slow, f func() error) error {
	_, err := call(s, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (s slow) Load(ctx context.Context, id string) (storage.Record, error) {
	return call(s, func() (storage.Record, error) { return s.Store.Load(ctx, id) })
}

func (s slow) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	return call(s, func() (storage.Record, error) { return s.Store.Save(ctx, r) })
}

func (s slow) Delete(ctx context.Context, id string) (storage.Record, error) {
	return call(s, func() (storage.Record, error) { return s.Store.Delete(ctx, id) })
}

func (s slow) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	return call(s, func() (storage.Revocation, error) { return s.Store.DeleteAndEnqueue(ctx, id, hold) })
}

func (s slow) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, hold time.Duration) ([]storage.Revocation, error) {
	return call(s, func() ([]storage.Revocation, error) { return s.Store.DeleteMatchingAndEnqueue(ctx, m, hold) })
}

func (s slow) Enqueue(ctx context.Context, r storage.Record, hold time.Duration) (storage.Revocation, error) {
	return call(s, func() (storage.Revocation, error) { return s.Store.Enqueue(ctx, r, hold) })
}

func (s slow) Claim(ctx context.Context, tenant string, n int, hold time.Duration) ([]storage.Revocation, error) {
	return call(s, func() ([]storage.Revocation, error) { return s.Store.Claim(ctx, tenant, n, hold) })
}

func (s slow) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return try(s, func() error { return s.Store.Retry(ctx, d, due) })
}

func (s slow) Complete(ctx context.Context, d storage.Revocation) error {
	return try(s, func() error { return s.Store.Complete(ctx, d) })
}
