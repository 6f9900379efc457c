package failtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// instance is one of the programs that share a store.
type instance struct {
	party party
	*passport.Passport

	toAuth     func(*http.Request) (*http.Response, error)
	closeStore func()
	died       atomic.Bool
	answered   []time.Time // guarded by world.mu
}

// RoundTrip is how the instance reaches the auth domain, while it lives.
func (i *instance) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.died.Load() {
		return nil, errors.New("the process has ended")
	}
	return i.toAuth(r)
}

func (w *world) begin(d deployment, ahead time.Duration) (*instance, error) {
	i := &instance{party: w.network.join(), toAuth: w.auth.InProcess().Transport.RoundTrip}
	now := func() time.Time { return time.Now().Add(ahead) }
	store, closeStore, err := d.open(i.party, w.safe, now)
	if err != nil {
		return nil, err
	}
	i.closeStore = closeStore
	i.Passport, err = passport.New(passport.Config{
		ClientID:       passporttest.ClientID,
		AuthDomain:     "http://127.0.0.1",
		RedirectURI:    "http://127.0.0.1/redirect",
		Store:          &witness{store, w},
		EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		HTTPClient:     &http.Client{Transport: i},
		RevocationWait: -1,
		Now:            now,
	})
	return i, err
}

// die ends the instance as SIGKILL does: nothing leaves it any more.
func (w *world) die(i *instance) {
	i.died.Store(true)
	w.network.leave(i.party)
}

// store is what all stores here have.
type store interface {
	storage.TokenStore
	storage.RevocationQueue
	storage.Lister
	storage.Notifier
}

// witness notes which sessions were stored although no replica confirmed it. Package
// passport lets their users in: if they are lost, the users sign in again.
type witness struct {
	store
	world *world
}

func (s *witness) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	called := time.Now()
	saved, err := s.store.Save(ctx, r)
	if errors.Is(err, storage.ErrNotReplicated) {
		s.world.noteUnconfirmed(r.ID, called)
	}
	return saved, err
}

// Enqueue notes whose refresh token is revoked without having been in a session: it came
// with a refresh that found the session ended. If the store does not take it, or no
// replica confirms it, it is lost with the process.
func (s *witness) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	enqueued, err := s.store.Enqueue(ctx, r, lease)
	if err != nil {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		s.world.unqueued[r.SID] = true
	}
	return enqueued, err
}

func (w *world) noteUnconfirmed(id string, called time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unconfirmed[id] = true
	for _, s := range w.sessions { // of a new session, signIn knows
		if s.id == id {
			w.mayBeGone(s, called)
		}
	}
}

// mayBeGone is for the holder of mu.
func (w *world) mayBeGone(s *session, called time.Time) {
	s.history = append(s.history, porcupine.Operation{Input: mayEnd, Output: silent, Call: w.since(called), Return: forever})
}

// session is one of a user, and what became of it.
type session struct {
	secret passport.Secret
	id     string
	sid    string

	// Guarded by world.mu.
	history   []porcupine.Operation
	asked     bool      // somebody has logged out, or tried to
	endedBy   *instance // whose logout was acknowledged
	endedAt   time.Time
	found     bool // by that logout
	back      bool // somebody has seen it alive after that
	backHere  bool // at the instance that has ended it
	uncertain bool // a refresh of its was not answered
}

// world is a store, two instances, their users, and what is known of them.
type world struct {
	network   *network
	auth      *passporttest.AuthDomain
	safe      bool
	settles   time.Duration
	instances []*instance
	ending    *sync.WaitGroup // instances that have died
	began     time.Time

	mu       sync.Mutex
	sessions []*session
	tally
	// From here on an instance may be answered by what is no longer the primary,
	// until the same moment is over.
	staleFrom map[*instance]time.Time
	wholeFrom time.Time

	unconfirmed map[string]bool // records of which a write was not confirmed, by ID
	unqueued    map[string]bool // by SID, of whose tokens one may have been known to a process alone

	examples []string // of histories that are not linearizable
}

// tally is what is counted.
type tally struct {
	rounds, sessionsBegun, logouts, refreshes int

	unsafe          int           // logouts that were not acknowledged
	undone          int           // of these: that did not come about, although their instances live
	back            int           // sessions that were seen alive after an acknowledged logout
	backHere        int           // the same, at the instance that has logged out
	lost            int           // sessions that nobody has ended
	lostUncertain   int           // the same, of which a refresh was not answered
	lostUnconfirmed int           // the same, of which the store said that no replica has them yet
	revocationsLost int           // refresh tokens that outlive an acknowledged logout
	leftOver        int           // and those that only an unconfirmed write, a refresh that was not answered, or a process had
	illegal         int           // histories that are not linearizable
	flickers        int           // and those that are but for answers during a logout: see acknowledged
	stale           int           // answers of an old primary that knew no better
	stalest         time.Duration // after the logout
	silence         time.Duration // the longest that an instance that could reach the primary got no answer
	silenceCut      time.Duration // the same, of one that was cut off with the old primary
}

func (t *tally) add(o tally) {
	t.rounds += o.rounds
	t.sessionsBegun += o.sessionsBegun
	t.logouts += o.logouts
	t.refreshes += o.refreshes
	t.unsafe += o.unsafe
	t.undone += o.undone
	t.back += o.back
	t.backHere += o.backHere
	t.lost += o.lost
	t.lostUncertain += o.lostUncertain
	t.lostUnconfirmed += o.lostUnconfirmed
	t.revocationsLost += o.revocationsLost
	t.leftOver += o.leftOver
	t.illegal += o.illegal
	t.flickers += o.flickers
	t.stale += o.stale
	t.stalest = max(t.stalest, o.stalest)
	t.silence = max(t.silence, o.silence)
	t.silenceCut = max(t.silenceCut, o.silenceCut)
}

func (t tally) String() string {
	return fmt.Sprintf("%d fail-overs, %d sessions, %d refreshes, %d logouts acknowledged and %d not yet, of which %d never; "+
		"back: %d, of which %d at the instance of the logout; lost: %d sessions (and %d that no replica had confirmed, %d with a refresh that was not answered), %d revocations (and %d tokens that only an unconfirmed write, a refresh that was not answered, or a process had); "+
		"%d histories not linearizable, %d but for what was seen of unacknowledged logouts; %d stale answers, up to %s after the logout; longest without an answer %s (cut off: %s)",
		t.rounds, t.sessionsBegun, t.refreshes, t.logouts, t.unsafe, t.undone, t.back, t.backHere, t.lost, t.lostUnconfirmed, t.lostUncertain, t.revocationsLost, t.leftOver,
		t.illegal, t.flickers, t.stale, t.stalest.Round(time.Millisecond), t.silence.Round(time.Millisecond), t.silenceCut.Round(time.Millisecond))
}

const (
	// users are busy all the time, but for a pause after each thing they do.
	users = 6
	pause = 4 * time.Millisecond

	// patience is how long a user waits.
	patience = 10 * time.Second
)

// use is what one user does until ctx is done.
func (w *world) use(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		s := w.signIn(w.any(rng))
		time.Sleep(pause)
		if s == nil {
			continue
		}
		for range rng.IntN(4) {
			w.lookAt(w.any(rng), s, rng.IntN(3) == 0)
			time.Sleep(pause)
		}
		switch rng.IntN(3) {
		case 0:
			w.logOut(s, rng)
		case 1:
			w.logOut(w.anySession(rng), rng) // an older one
		}
		w.lookAt(w.any(rng), w.anySession(rng), false)
		time.Sleep(pause)
	}
}

func (w *world) any(rng *rand.Rand) *instance { return w.instances[rng.IntN(len(w.instances))] }

func (w *world) anySession(rng *rand.Rand) *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions[rng.IntN(len(w.sessions))]
}

// signIn returns nil if it failed.
func (w *world) signIn(i *instance) *session {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address, b, err := i.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
	if err != nil {
		return nil
	}
	answer := httptest.NewRecorder()
	w.auth.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, address, nil))
	back, err := url.Parse(answer.Header().Get("Location"))
	if err != nil {
		return nil
	}
	called := time.Now()
	in, _, err := i.FinishLogin(ctx, b, back.Query())
	if err != nil {
		return nil
	}
	s := &session{secret: in.SessionID, id: in.Session.ID(), sid: in.Session.Info().SID}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions = append(w.sessions, s)
	w.note(i, s, called, create, silent)
	if w.unconfirmed[s.id] {
		w.mayBeGone(s, called)
	}
	return s
}

// lookAt is a request of the session's, with a refresh or without.
func (w *world) lookAt(i *instance, s *session, refresh bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	called := time.Now()
	found, err := i.Session(ctx, s.secret)
	if err == nil && refresh {
		err = found.Refresh(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil && w.mayBeStale(i, called):
		w.noteStale(s, called)
		i.answered = append(i.answered, time.Now())
	case err == nil:
		w.note(i, s, called, look, alive)
		if refresh {
			w.refreshes++
		}
	case errors.Is(err, passport.ErrNoSession) && !w.mayBeStale(i, called):
		w.note(i, s, called, look, none)
	case refresh:
		// The token may be used up, and the new one lost.
		s.uncertain = true
		w.mayBeGone(s, called)
	}
}

// logOut logs out, sometimes while somebody else uses the session.
func (w *world) logOut(s *session, rng *rand.Rand) {
	if w.askedBefore(s) {
		return
	}
	i, other := w.any(rng), w.any(rng)
	var both sync.WaitGroup
	if chance := rng.IntN(3); chance > 0 {
		both.Go(func() { w.lookAt(other, s, chance == 1) })
	}
	defer both.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	called := time.Now()
	l, err := i.EndSession(ctx, s.id)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && (l.App == passport.OutcomeDone || l.App == passport.OutcomeSkipped) {
		s.endedBy, s.endedAt, s.found = i, time.Now(), l.App == passport.OutcomeDone
		w.logouts++
		w.note(i, s, called, end, silent)
		return
	}
	w.unsafe++
	w.mayBeGone(s, called)
}

// askedBefore lets one user log out of a session.
func (w *world) askedBefore(s *session) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := s.asked
	s.asked = true
	return before
}

// note is for the holder of mu.
func (w *world) note(i *instance, s *session, called time.Time, do act, result saw) {
	now := time.Now()
	i.answered = append(i.answered, now)
	if result == alive && s.endedBy != nil && called.After(s.endedAt) {
		s.back = true
		s.backHere = s.backHere || i == s.endedBy && s.found
	}
	s.history = append(s.history, porcupine.Operation{
		ClientId: int(i.party), Input: do, Output: result, Call: w.since(called), Return: w.since(now),
	})
}

func (w *world) since(t time.Time) int64 { return int64(t.Sub(w.began)) }

// mayBeStale is for the holder of mu.
func (w *world) mayBeStale(i *instance, called time.Time) bool {
	from, stale := w.staleFrom[i]
	return stale && time.Now().After(from) && (w.wholeFrom.IsZero() || called.Before(w.wholeFrom))
}

// noteStale is for the holder of mu.
func (w *world) noteStale(s *session, called time.Time) {
	if s.endedBy != nil && called.After(s.endedAt) {
		w.stale++
		w.stalest = max(w.stalest, time.Since(s.endedAt))
	}
}
