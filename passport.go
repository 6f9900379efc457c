package passport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport/internal/health"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/marks"
	"github.com/passport-go/passport/internal/notice"
	"github.com/passport-go/passport/internal/observe"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/internal/revocation"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/internal/tokencache"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// Passport signs users in and out. [New] creates one, which a program keeps for its
// lifetime. All methods are safe for concurrent use.
type Passport struct {
	c *config
	events

	tasks    *tasks.Group
	provider *provider.Client

	meter   *observe.Meter // of the calls to a store outside this process
	records *records.Records
	logins  loginstate.Sealer
	flights *singleflight.Group // refreshes, by session ID
	slow    *provider.Slow

	revoker *revocation.Worker
	counter storage.RevocationCounter // of the queue; nil if that cannot be counted
	retries *retry.Queue              // logouts that the store could not carry out
	notices *notice.Watcher

	storeHealth, providerHealth *health.Probe

	overtaken      marks.LoginBook  // logins that the provider's logouts have overtaken
	signedOut      marks.BearerBook // bearer tokens that logouts have ended
	verified       *tokencache.Cache[provider.BearerToken]
	anonymousMarks *marks.Budget // of logouts by browsers without a session
	longReturns    *marks.Budget // of logins, for KB of long destinations

	http      httpDriver
	logoutURL string // of the auth domain, up to the logout's state
}

// measured is the store with its calls measured. Those to memory are not, as
// [Stats.StoreCalls] says.
func (p *Passport) measured(store storage.TokenStore) storage.TokenStore {
	if _, inProcess := store.(*memory.Store); inProcess {
		return store
	}
	return p.meter.Store(store)
}

// begin begins to work off what an earlier run of the program has left to be done.
// It is called at the first use of the Passport, so that New starts nothing.
func (p *Passport) begin() { p.revoker.Begin() }

// within begins an operation. The returned context belongs to it, and the returned
// Span has yet to be told of its end.
func (p *Passport) within(ctx context.Context, o Operation) (context.Context, observe.Span) {
	if p.c.Trace == nil {
		return ctx, observe.Span{}
	}
	span := observe.Span(p.c.Trace(ctx, o))
	return span.Within(ctx), span
}

// Format prints the client ID and nothing else, whatever the verb.
func (p *Passport) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.Passport("+p.c.ClientID+")")
}

const (
	// The checks are bounded in time, and their results are kept, so that a flood of
	// probes costs nothing.
	storeCheckTimeout    = 2 * time.Second
	storeCheckLife       = 2 * time.Second
	providerCheckTimeout = 5 * time.Second
	providerCheckLife    = 30 * time.Second

	// providerPatience is short: a provider that hangs must not make a readiness probe
	// time out, whose limit is often a second.
	providerPatience = 300 * time.Millisecond
)

// HealthStatus says whether something works.
type HealthStatus string

// The statuses.
const (
	HealthOK       HealthStatus = "ok"
	HealthDegraded HealthStatus = "degraded" // signed-in users can work, but nobody can sign in
	HealthDown     HealthStatus = "down"
)

// Health is what [Passport.CheckHealth] finds. It contains nothing secret, no address
// and no error: those are logged when a part goes down.
type Health struct {
	// Status is HealthDown if the Store is, HealthDegraded if only the provider is.
	Status HealthStatus `json:"status"`

	// Store is down if a record could not be looked up within two seconds; it is not
	// written to. Provider is down if its discovery document, with Config.Discover, and
	// its keys could not be read within five.
	Store    HealthPart `json:"store"`
	Provider HealthPart `json:"provider"`
}

// HealthPart is the health of one part.
type HealthPart struct {
	Status HealthStatus `json:"status"`

	// Checked is when the check began. Took is how long it took or, if there is no
	// answer yet, how long it has been waited for.
	Checked time.Time     `json:"checked"`
	Took    time.Duration `json:"took_ns"`
}

// Ready reports whether requests of signed-in users can be served: the status is not
// HealthDown.
func (h Health) Ready() bool { return h.Status != HealthDown }

// CheckHealth finds out whether the Store and the provider work. Results are cached, so
// it may be called for each probe: that of the Store for two seconds, and that of the
// provider for thirty, or 35 while a new check is running. CheckHealth waits for the
// Store for up to 2 s, and for the provider for up to 0.3 s; a slower answer of the
// provider counts for the next call. A part that has not answered in time, or when ctx
// ends, is down. After [Passport.Close] both are down.
//
// Do not restart a process because it is not ready: that mends neither the Store nor the
// provider.
func (p *Passport) CheckHealth(ctx context.Context) Health {
	provider := make(chan HealthPart, 1)
	if !p.tasks.Start(func(context.Context) { provider <- partOf(p.providerHealth.Result(ctx)) }) {
		down := HealthPart{Status: HealthDown, Checked: time.Now().UTC()}
		return Health{Status: HealthDown, Store: down, Provider: down}
	}
	h := Health{Status: HealthOK, Store: partOf(p.storeHealth.Result(ctx)), Provider: <-provider}
	switch {
	case h.Store.Status != HealthOK:
		h.Status = HealthDown
	case h.Provider.Status != HealthOK:
		h.Status = HealthDegraded
	}
	return h
}

func partOf(r health.Result) HealthPart {
	part := HealthPart{Status: HealthOK, Checked: r.At.UTC(), Took: r.Took}
	if r.Err != nil {
		part.Status = HealthDown
	}
	return part
}

// newStoreHealth looks for a record that is not there.
func newStoreHealth(p *Passport) *health.Probe {
	id := p.records.ID(storage.KindSession, records.NewSecret())
	return health.New(health.Config{
		Timeout:  storeCheckTimeout,
		Life:     storeCheckLife,
		Patience: storeCheckTimeout,
		Start:    p.tasks.Start,
		Check: p.loggingChange("store", func(ctx context.Context) error {
			_, err := p.records.TokenStore.Load(ctx, id)
			if errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			return err
		}),
	})
}

func newProviderHealth(p *Passport) *health.Probe {
	return health.New(health.Config{
		Timeout:  providerCheckTimeout,
		Life:     providerCheckLife,
		Patience: providerPatience,
		Start:    p.tasks.Start,
		Check:    p.loggingChange("provider", p.provider.Check),
	})
}

// loggingChange is a check that says in the log when its answer changes. One check runs
// at a time.
func (p *Passport) loggingChange(part string, check func(context.Context) error) func(context.Context) error {
	down := false
	return func(ctx context.Context) error {
		err := check(ctx)
		switch {
		case err != nil && !down:
			p.c.Logger.WarnContext(ctx, "passport: health: a part is down", "part", part, "error", err)
		case err == nil && down:
			p.c.Logger.InfoContext(ctx, "passport: health: a part works again", "part", part)
		}
		down = err != nil
		return err
	}
}

// Stats are what a [Passport] has counted since New, on this instance. They only grow.
// docs/operations.md says what to watch.
type Stats struct {
	// SessionsBegun counts logins. SessionsEnded counts by what ended them:
	// EventLogout, EventSessionReplaced, EventSessionEvicted, EventSessionLost and
	// EventSessionReturned. Sessions that have expired are not among them.
	SessionsBegun uint64               `json:"sessions_begun"`
	SessionsEnded map[EventName]uint64 `json:"sessions_ended"`

	// LoginsFailed counts by reason.
	LoginsFailed map[LoginFailure]uint64 `json:"logins_failed"`

	// Refreshes and RefreshesFailed count calls to the provider, whose tokens many
	// callers may share.
	Refreshes       uint64 `json:"refreshes"`
	RefreshesFailed uint64 `json:"refreshes_failed"`

	// RevocationsTried counts calls to the provider; RevocationsDone and
	// RevocationsFailed, tokens that are revoked and given up.
	RevocationsTried  uint64 `json:"revocations_tried"`
	RevocationsDone   uint64 `json:"revocations_done"`
	RevocationsFailed uint64 `json:"revocations_failed"`

	// BearersAccepted and BearersRefused count bearer tokens by what became of them,
	// and BearersUnverified those that could not be verified at the time: the Store
	// or the provider's keys were not available.
	BearersAccepted   uint64 `json:"bearers_accepted"`
	BearersRefused    uint64 `json:"bearers_refused"`
	BearersUnverified uint64 `json:"bearers_unverified"`

	// StoreCalls counts the calls to the Store. Those to a memory.Store are not
	// counted, because counting would cost as much as the call.
	StoreCalls map[Operation]StoreCalls `json:"store_calls"`
}

// StoreCalls counts the calls of one method of the Store.
type StoreCalls struct {
	Calls  uint64        `json:"calls"`
	Errors uint64        `json:"errors"`  // the store could not answer; storage.ErrFull and the like are answers
	Time   time.Duration `json:"time_ns"` // of all calls together
}

// Stats returns the counts. It takes no lock and makes no call, so it may be called
// often. The fields are read one after the other, while others count on.
func (p *Passport) Stats() Stats {
	n := p.counts
	s := Stats{
		SessionsBegun:     n.events[EventLogin].Load(),
		SessionsEnded:     map[EventName]uint64{},
		LoginsFailed:      map[LoginFailure]uint64{},
		Refreshes:         n.refreshes.Load(),
		RefreshesFailed:   n.refreshesFailed.Load(),
		RevocationsTried:  n.revocations.Load(),
		RevocationsDone:   n.events[EventRevocationDone].Load(),
		RevocationsFailed: n.events[EventRevocationFailed].Load(),
		BearersAccepted:   n.bearersAccepted.Load(),
		BearersRefused:    n.bearersRefused.Load(),
		BearersUnverified: n.bearersUnverified.Load(),
		StoreCalls:        map[Operation]StoreCalls{},
	}
	for _, cause := range endings {
		s.SessionsEnded[cause] = n.events[cause].Load()
	}
	for reason, count := range n.failures {
		s.LoginsFailed[reason] = count.Load()
	}
	for name, c := range p.meter.Counts() {
		s.StoreCalls[Operation(name)] = StoreCalls{Calls: c.Calls, Errors: c.Errors, Time: c.Time}
	}
	return s
}

// countBearer counts a bearer token by what VerifyBearer says of it.
func (c *counts) countBearer(err error) {
	switch {
	case err == nil:
		c.bearersAccepted.Add(1)
	case errors.Is(err, ErrBearerInvalid):
		c.bearersRefused.Add(1)
	case !errors.Is(err, ErrNoBearer):
		c.bearersUnverified.Add(1)
	}
}
