package passport

import (
	"context"
	"errors"
	"time"

	"github.com/passport-go/passport/internal/health"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

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

	// Checked is when the check began, and Took how long it took, or has been waited
	// for.
	Checked time.Time     `json:"checked"`
	Took    time.Duration `json:"took_ns"`
}

// Ready reports whether requests of signed-in users can be served: the status is not
// HealthDown.
func (h Health) Ready() bool { return h.Status != HealthDown }

// CheckHealth finds out whether the Store and the provider work. The result for the
// Store is up to two seconds old, and that for the provider up to thirty, however many
// ask, so it may be called for each probe. A part that has not answered when it should
// have, or when ctx ends, is down. CheckHealth waits for the Store for up to two seconds,
// and for the provider for 0.3; what is found of that later is for the next call. After
// [Passport.Close] all is down.
//
// A process that is not ready is not broken: do not have it restarted for that.
func (p *Passport) CheckHealth(ctx context.Context) Health {
	provider := make(chan HealthPart, 1)
	if !p.tasks.Start(func(context.Context) { provider <- partOf(p.providerHealth.Result(ctx)) }) {
		provider <- HealthPart{Status: HealthDown, Checked: time.Now()}
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
