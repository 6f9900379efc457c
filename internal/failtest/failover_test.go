package failtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// fault is what happens to a primary.
type fault string

const (
	killed  fault = "killed"
	stopped fault = "stopped" // and goes on after the fail-over, as what it was
	cutOff  fault = "cut off" // with one of the instances
)

// plan is one fail-over.
type plan struct {
	fault

	// crash: both instances end as by SIGKILL, too, and before anything was revoked.
	// Then all that was promised must be in the store.
	crash bool
}

// plans are what a run goes through, and again from the start.
var plans = []plan{
	{killed, true}, {cutOff, false}, {stopped, true},
	{killed, false}, {cutOff, true}, {stopped, false},
}

func failovers(t *testing.T, otherwise int) int {
	t.Helper()
	text := os.Getenv("FAILOVERS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "FAILOVERS")
	require.Positive(t, n, "FAILOVERS")
	return n
}

func TestNothingThatWasAcknowledgedIsLostInAFailOver(t *testing.T) {
	for name, deploy := range deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := run(t, deploy, true, 10*time.Millisecond, failovers(t, 3))
			assert.Zero(t, sum.back, "sessions back")
			assert.Zero(t, sum.lost, "sessions lost that a replica had")
			assert.Zero(t, sum.revocationsLost, "revocations lost")
			assert.Zero(t, sum.undone, "logouts that were never made safe")
			assert.Zero(t, sum.illegal, "histories that are not linearizable")
		})
	}
}

// The same loop, where writes do not wait for the replica. Each deployment need not
// lose something in so few rounds.
func TestTheLoopFindsWhatAFailOverLoses(t *testing.T) {
	var mu sync.Mutex
	var all tally
	t.Run("deployments", func(t *testing.T) {
		for name, deploy := range deployments {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				sum := run(t, deploy, false, 400*time.Millisecond, failovers(t, 3))
				assert.Zero(t, sum.backHere, "an instance knows what it has ended")
				mu.Lock()
				defer mu.Unlock()
				all.add(sum)
			})
		}
	})
	assert.Positive(t, all.back+all.lost+all.revocationsLost+all.illegal, "the replicas are behind")
}

// settling is how long it may take until all is as it was promised. Where it is known
// that it will not be, nobody waits for long.
var settling = map[bool]time.Duration{true: 30 * time.Second, false: 3 * time.Second}

// run fails a deployment over, again and again, whose replicas are behind.
func run(t *testing.T, deploy func(*testing.T, *network) deployment, safe bool, lag time.Duration, n int) (sum tally) {
	t.Helper()
	network := newNetwork(t)
	d := deploy(t, network)
	d.setLag(lag)
	seed := rand.Uint64()
	var ending sync.WaitGroup
	defer ending.Wait()
	for i := range n {
		w := &world{
			network:   network,
			auth:      passporttest.New(passporttest.Options{AutoLogin: true, Issuer: "http://127.0.0.1/", AccessTokenLifetime: 10 * time.Minute}),
			safe:      safe,
			settles:   settling[safe],
			ending:    &ending,
			began:     time.Now(),
			staleFrom: map[*instance]time.Time{},

			unconfirmed: map[string]bool{},
			unqueued:    map[string]bool{},
		}
		p := plans[i%len(plans)]
		within(t, func(ctx context.Context) error { return w.play(ctx, d, p, rand.New(rand.NewPCG(seed, uint64(i)))) })
		if safe && w.back+w.lost+w.revocationsLost+w.undone+w.illegal > 0 {
			t.Logf("%s, crash %t: %s", p.fault, p.crash, w.tally)
			for _, history := range w.examples[:min(len(w.examples), 3)] {
				t.Log(history)
			}
		}
		sum.add(w.tally)
	}
	t.Log(sum)
	return sum
}

// play is one fail-over, and what is found afterwards.
func (w *world) play(ctx context.Context, d deployment, p plan, rng *rand.Rand) error {
	w.rounds = 1
	for range 2 {
		i, err := w.begin(d, 0)
		if err != nil {
			return err
		}
		w.instances = append(w.instances, i)
	}
	if p.crash {
		w.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
	}
	if err := w.failOver(ctx, d, p, rng); err != nil {
		return err
	}
	w.silence, w.silenceCut = w.silences(p)
	if p.crash {
		for _, i := range w.instances {
			w.die(i)
		}
		w.auth.Lift()
	}
	// The next start, when all that the others had in hand is due.
	next, err := w.begin(d, 2*time.Minute)
	if err != nil {
		return err
	}
	if err := w.judge(ctx, next, p.crash); err != nil {
		return err
	}
	return w.closeAll(next)
}

// closeAll leaves instances that have died to end by themselves.
func (w *world) closeAll(next *instance) error {
	var errs []error
	for _, i := range append(w.instances, next) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if i.died.Load() {
			cancel()
			w.ending.Go(func() { _ = i.Close(ctx); i.closeStore() })
			continue
		}
		errs = append(errs, i.Close(ctx))
		cancel()
		i.closeStore()
	}
	return errors.Join(errs...)
}

// failOver lets the users at it, and fails a primary over in the middle.
func (w *world) failOver(ctx context.Context, d deployment, p plan, rng *rand.Rand) error {
	using, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	for range users {
		theirs := rand.New(rand.NewPCG(rng.Uint64(), 0))
		all.Go(func() { w.use(using, theirs) })
	}
	err := w.strike(ctx, d, p, rng)
	stop()
	all.Wait()
	return err
}

// moment is a random one: the moments are the input.
func moment(rng *rand.Rand, least, most time.Duration) {
	time.Sleep(least + time.Duration(rng.Int64N(int64(most-least))))
}

func (w *world) strike(ctx context.Context, d deployment, p plan, rng *rand.Rand) error {
	moment(rng, 300*time.Millisecond, 800*time.Millisecond)
	victim, err := d.victim(ctx)
	if err != nil {
		return err
	}
	switch p.fault {
	case killed:
		err = d.kill(victim)
	case stopped:
		err = d.signal(victim, syscall.SIGSTOP)
	case cutOff:
		w.mayLie(w.instances[:1])
		w.network.cut(victim, w.instances[0].party)
	}
	if err != nil {
		return err
	}
	if err := d.failedOver(ctx, victim); err != nil {
		return err
	}
	moment(rng, 0, 500*time.Millisecond)
	switch p.fault {
	case stopped:
		w.mayLie(w.instances)
		err = d.signal(victim, syscall.SIGCONT)
		moment(rng, 0, 500*time.Millisecond)
	case cutOff:
		w.network.heal()
	}
	if err := errors.Join(err, d.repair(ctx, victim)); err != nil {
		return err
	}
	w.mu.Lock()
	w.wholeFrom = time.Now()
	w.mu.Unlock()
	moment(rng, 300*time.Millisecond, 500*time.Millisecond)
	return nil
}

// mayLie is for instances that an old primary may answer from now on.
func (w *world) mayLie(instances []*instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range instances {
		w.staleFrom[i] = time.Now()
	}
}

// silences are the longest times without an answer.
func (w *world) silences(p plan) (silence, cut time.Duration) {
	for n, i := range w.instances {
		var longest time.Duration
		slices.SortFunc(i.answered, time.Time.Compare)
		for k := 1; k < len(i.answered); k++ {
			longest = max(longest, i.answered[k].Sub(i.answered[k-1]))
		}
		if p.fault == cutOff && n == 0 {
			cut = max(cut, longest)
		} else {
			silence = max(silence, longest)
		}
	}
	return silence, cut
}

// judge compares what there is with what the users were told.
func (w *world) judge(ctx context.Context, next *instance, crashed bool) error {
	w.sessionsBegun = len(w.sessions)
	if !crashed {
		w.settle(ctx, next)
	}
	for _, s := range w.sessions {
		called := time.Now()
		lives, err := finds(ctx, next, s)
		if err != nil {
			return err
		}
		w.noteFound(next, s, called, lives)
		switch {
		case !s.asked && lives:
			w.refreshOnce(ctx, next, s)
		case !s.asked:
			w.countLost(s)
		}
		if !crashed && s.endedBy != nil {
			if err := w.askTheOthers(ctx, s); err != nil {
				return err
			}
		}
		if s.back {
			w.back++
		}
		if s.backHere {
			w.backHere++
		}
		w.checkHistory(s)
	}
	w.countRevocations(ctx, crashed)
	return nil
}

func (w *world) noteFound(i *instance, s *session, called time.Time, lives bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(i, s, called, look, map[bool]saw{true: alive, false: none}[lives])
}

// checkHistory holds mu: what an instance still does may add to the history.
func (w *world) checkHistory(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case porcupine.CheckOperations(life, s.history):
	case porcupine.CheckOperations(life, acknowledged(s.history)):
		w.flickers++
	default:
		w.illegal++
		w.examples = append(w.examples, describe(s.history))
	}
}

// finds reports whether an instance finds a session. It asks until it is answered.
func finds(ctx context.Context, i *instance, s *session) (lives bool, err error) {
	err = until(ctx, "an answer", func(ctx context.Context) error {
		_, err := i.Session(ctx, s.secret)
		lives = err == nil
		if errors.Is(err, passport.ErrNoSession) {
			return nil
		}
		return err
	})
	return lives, err
}

// settle waits until the logouts that were not acknowledged have come about.
func (w *world) settle(ctx context.Context, next *instance) {
	ctx, cancel := context.WithTimeout(ctx, w.settles)
	defer cancel()
	for _, s := range w.sessions {
		if !s.asked || s.endedBy != nil {
			continue
		}
		err := until(ctx, "a logout", func(ctx context.Context) error {
			if lives, err := finds(ctx, next, s); err != nil || lives {
				return fmt.Errorf("it lives: %t, %w", lives, err)
			}
			return nil
		})
		if err != nil {
			w.undone++
		}
	}
}

func (w *world) refreshOnce(ctx context.Context, next *instance, s *session) {
	found, err := next.Session(ctx, s.secret)
	if err == nil {
		err = found.Refresh(ctx)
	}
	if errors.Is(err, passport.ErrNoSession) {
		w.countLost(s)
	}
}

func (w *world) countLost(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case s.uncertain:
		w.lostUncertain++
	case w.unconfirmed[s.id]:
		w.lostUnconfirmed++
	default:
		w.lost++
	}
}

// askTheOthers asks the instances that have gone through the fail-over.
func (w *world) askTheOthers(ctx context.Context, s *session) error {
	for _, i := range w.instances {
		called := time.Now()
		lives, err := finds(ctx, i, s)
		if err != nil {
			return err
		}
		w.noteFound(i, s, called, lives)
	}
	return nil
}

// countRevocations waits until the tokens of all who have logged out are revoked.
func (w *world) countRevocations(ctx context.Context, crashed bool) {
	out := map[string]*session{}
	for _, s := range w.sessions {
		if s.endedBy != nil {
			out[s.sid] = s
		}
	}
	ctx, cancel := context.WithTimeout(ctx, w.settles)
	defer cancel()
	var lost []*session
	_ = until(ctx, "revocations", func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.revocationsLost, w.leftOver, lost = 0, 0, nil
		for _, token := range w.auth.RefreshTokens(passporttest.Live) {
			switch s := out[token.SID]; {
			case s == nil:
			case crashed && (w.unconfirmed[s.id] || s.uncertain || w.unqueued[s.sid]): // what only a process knew that has been killed
				w.leftOver++
			default:
				w.revocationsLost++
				lost = append(lost, s)
			}
		}
		if w.revocationsLost > 0 {
			return fmt.Errorf("%d tokens live", w.revocationsLost)
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range lost {
		w.examples = append(w.examples, fmt.Sprintf("not revoked: %s", describe(s.history)))
	}
}
