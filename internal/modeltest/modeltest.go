// Package modeltest plays random schedules of refreshes, requests and logouts
// on several instances that share one store, and checks what must hold whatever
// the order: no session comes back from the dead, the auth domain never sees a
// refresh token used twice, and no token outlives its session.
//
// A schedule follows from its seed: every call of an instance to the store or to
// the auth domain is delayed by a random time. In a testing/synctest bubble the
// same seed is the same schedule, and takes no time at all; against a real
// server the delays are real and the order is as near as can be.
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
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// Store is what a schedule needs of a store.
type Store interface {
	storage.TokenStore
	storage.Ledger
}

// Schedule describes one random run.
type Schedule struct {
	Seed      uint64
	Instances int           // programs that share the store; at least 1
	Calls     int           // refreshes, requests and logouts in all
	Spread    time.Duration // calls begin within this time, and each step takes up to a tenth of it
}

const redirectURI = "http://127.0.0.1/redirect"

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

	mu        sync.Mutex
	loggedOut bool // some logout has returned
	faults    []error
}

func (w *world) instance(store Store, n uint64) (*passport.Passport, error) {
	pace := &pace{rng: rand.New(rand.NewPCG(w.schedule.Seed, 2+n)), most: w.schedule.Spread / 10}
	return passport.New(passport.Config{
		ClientID:       passporttest.ClientID,
		AuthDomain:     "http://127.0.0.1",
		RedirectURI:    redirectURI,
		Store:          slow{Store: store, pace: pace},
		EncryptionKeys: [][]byte{make([]byte, 32)},
		HTTPClient:     &http.Client{Transport: direct{handler: w.auth, pace: pace}},
		IdleTimeout:    time.Minute, // written down every second
	})
}

// signIn makes a session whose access token has run out by the time it is used.
func (w *world) signIn() (passport.Secret, error) {
	ctx := context.Background()
	p := w.instances[0]
	login, err := p.BeginLogin(ctx, passport.LoginOptions{})
	if err != nil {
		return "", err
	}
	answer := httptest.NewRecorder()
	w.auth.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, login.URL, nil))
	back, err := url.Parse(answer.Header().Get("Location"))
	if err != nil {
		return "", err
	}
	in, err := p.FinishLogin(ctx, passport.Callback{Query: back.Query(), Browser: login.Browser})
	return in.SessionID, err
}

// run makes all the calls and closes the instances.
func (w *world) run(id passport.Secret) {
	time.Sleep(2 * time.Second) // the access token is within 30 s of its end now
	var calls sync.WaitGroup
	for range w.schedule.Calls {
		p := w.instances[w.rng.IntN(len(w.instances))]
		call := w.refresh
		switch w.rng.IntN(6) {
		case 0:
			call = w.logOut
		case 1:
			call = w.request
		}
		begin := w.within(w.schedule.Spread)
		calls.Go(func() {
			time.Sleep(begin)
			call(p, id)
		})
	}
	calls.Wait()
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
	w.faults = append(w.faults, fmt.Errorf(format, args...))
}

func (w *world) request(p *passport.Passport, id passport.Secret) {
	after := w.ended()
	_, err := p.Session(context.Background(), id)
	switch {
	case err == nil && after:
		w.fault("a session was found after its logout")
	case err != nil && !errors.Is(err, passport.ErrNoSession):
		w.fault("request: %w", err)
	}
}

func (w *world) refresh(p *passport.Passport, id passport.Secret) {
	after := w.ended()
	s, err := p.Session(context.Background(), id)
	if err == nil && after {
		w.fault("a session was found after its logout")
	}
	if err == nil {
		_, err = s.AccessToken(context.Background())
	}
	if err != nil && !errors.Is(err, passport.ErrNoSession) {
		w.fault("refresh: %w", err)
	}
}

func (w *world) logOut(p *passport.Passport, id passport.Secret) {
	s, err := p.Session(context.Background(), id)
	if errors.Is(err, passport.ErrNoSession) {
		return
	}
	if err == nil {
		_, err = p.EndSession(context.Background(), s.ID())
	}
	if err != nil {
		w.fault("logout: %w", err)
		return
	}
	w.mu.Lock()
	w.loggedOut = true
	w.mu.Unlock()
}

// verdict looks at what is left when everything has come to rest.
func (w *world) verdict(id passport.Secret) error {
	if reused := w.auth.Incidents(); len(reused) > 0 {
		w.fault("the auth domain saw %d uses of a refresh token that was used up", len(reused))
	}
	live := len(w.auth.RefreshTokens(passporttest.Live))
	switch {
	case w.loggedOut && live > 0:
		w.fault("%d refresh tokens outlive the logout", live)
	case !w.loggedOut && live != 1:
		w.fault("%d refresh tokens are alive, with nobody logged out", live)
	}
	_, err := w.instances[0].Session(context.Background(), id)
	switch {
	case w.loggedOut && err == nil:
		w.fault("the session is back")
	case !w.loggedOut && err != nil:
		w.fault("the session is lost: %w", err)
	}
	if len(w.faults) == 0 {
		return nil
	}
	return fmt.Errorf("schedule %+v: %w", w.schedule, errors.Join(slices.Compact(w.faults)...))
}

// pace delays each step by a random time.
type pace struct {
	mu   sync.Mutex
	rng  *rand.Rand
	most time.Duration
}

func (p *pace) step() {
	p.mu.Lock()
	d := time.Duration(p.rng.Int64N(int64(p.most) + 1))
	p.mu.Unlock()
	time.Sleep(d)
}

// direct carries requests to a handler without a network, each way in its time.
type direct struct {
	handler http.Handler
	pace    *pace
}

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	d.pace.step()
	answer := httptest.NewRecorder()
	d.handler.ServeHTTP(answer, r)
	d.pace.step()
	return answer.Result(), r.Context().Err()
}

// slow is a store each of whose calls takes its time, before and after.
type slow struct {
	Store
	pace *pace
}

func (s slow) Load(ctx context.Context, id string) (storage.Record, error) {
	s.pace.step()
	defer s.pace.step()
	return s.Store.Load(ctx, id)
}

func (s slow) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	s.pace.step()
	defer s.pace.step()
	return s.Store.Save(ctx, r)
}

func (s slow) Delete(ctx context.Context, id string) (storage.Record, error) {
	s.pace.step()
	defer s.pace.step()
	return s.Store.Delete(ctx, id)
}

func (s slow) DeleteOwing(ctx context.Context, id string, hold time.Duration) (storage.Debt, error) {
	s.pace.step()
	defer s.pace.step()
	return s.Store.DeleteOwing(ctx, id, hold)
}

func (s slow) Owe(ctx context.Context, r storage.Record, hold time.Duration) (storage.Debt, error) {
	s.pace.step()
	defer s.pace.step()
	return s.Store.Owe(ctx, r, hold)
}
