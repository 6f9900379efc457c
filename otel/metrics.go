package passportotel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/passport-go/passport"
)

// Observe has the metrics of p collected until the meter provider is shut down: its
// counts, and the number and age of the pending revocations, for which each collection
// asks the store.
//
// The metrics of several Passports are added up, without an attribute to tell them apart;
// the age is that of the oldest revocation of all. If one of the stores does not answer,
// the pending revocations are left out, because a part would look like the whole. The
// queue of a closed Passport is not counted. Two Passports with the same client and store
// share one queue, which is counted twice.
func (i *Instrumentation) Observe(p *passport.Passport) error {
	o := &i.observed
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.passports) == 0 {
		if err := o.register(i.meter); err != nil {
			return fmt.Errorf("passport/otel: %w", err)
		}
	}
	if !slices.Contains(o.passports, p) {
		o.passports = append(o.passports, p)
	}
	return nil
}

// observed are Passports, and the instruments that they share: of two that observe the
// same gauge, the meter provider keeps the last.
type observed struct {
	mu        sync.Mutex
	passports []*passport.Passport

	begun, ended, loginFailed, refreshes, attempts, finished, bearers metric.Int64ObservableCounter
	pending, oldest                                                   metric.Float64ObservableGauge
}

func (o *observed) all() []*passport.Passport {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.passports)
}

func (o *observed) register(meter metric.Meter) error {
	var errs []error
	counter := func(name, unit, description string) metric.Int64ObservableCounter {
		c, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	gauge := func(name, unit, description string) metric.Float64ObservableGauge {
		g, err := meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return g
	}
	o.begun = counter("passport.session.begun", "{session}", "Sessions that began.")
	o.ended = counter("passport.session.ended", "{session}", "Sessions that ended, by passport.cause. The expired are not counted.")
	o.loginFailed = counter("passport.login.failed", "{login}", "Logins that failed, by passport.reason.")
	o.refreshes = counter("passport.token.refreshes", "{refresh}", "Refreshes of tokens, by passport.outcome.")
	o.attempts = counter("passport.revocation.attempts", "{attempt}", "Calls to the provider to revoke a refresh token.")
	o.finished = counter("passport.revocation.finished", "{token}", "Refresh tokens that were revoked or given up, by passport.outcome.")
	o.bearers = counter("passport.bearer.checked", "{token}", "Bearer tokens that were checked, by passport.outcome.")
	o.pending = gauge("passport.revocation.pending", "{token}", "Refresh tokens that have yet to be revoked, on all instances.")
	o.oldest = gauge("passport.revocation.oldest", "s", "How long the oldest of them has waited.")
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := meter.RegisterCallback(o.observe, o.begun, o.ended, o.loginFailed, o.refreshes, o.attempts, o.finished, o.bearers, o.pending, o.oldest)
	return err
}

func (o *observed) observe(ctx context.Context, to metric.Observer) error {
	all := o.all()
	s := totals(all)
	count := func(c metric.Int64Observable, n uint64, attributes ...attribute.KeyValue) {
		to.ObserveInt64(c, int64(n), metric.WithAttributes(attributes...))
	}
	count(o.begun, s.SessionsBegun)
	for cause, n := range s.SessionsEnded {
		count(o.ended, n, attribute.String("passport.cause", string(cause)))
	}
	for reason, n := range s.LoginsFailed {
		count(o.loginFailed, n, attribute.String("passport.reason", string(reason)))
	}
	count(o.refreshes, s.Refreshes, outcome("done"))
	count(o.refreshes, s.RefreshesFailed, outcome("failed"))
	count(o.attempts, s.RevocationsTried)
	count(o.finished, s.RevocationsDone, outcome("done"))
	count(o.finished, s.RevocationsFailed, outcome("failed"))
	count(o.bearers, s.BearersAccepted, outcome("accepted"))
	count(o.bearers, s.BearersRefused, outcome("refused"))
	count(o.bearers, s.BearersUnverified, outcome("unverified"))
	return o.observeQueues(ctx, to, all)
}

// totals adds up what is observed of the counts of all.
func totals(all []*passport.Passport) passport.Stats {
	total := passport.Stats{SessionsEnded: map[passport.EventName]uint64{}, LoginsFailed: map[passport.LoginFailure]uint64{}}
	for _, p := range all {
		s := p.Stats()
		for cause, n := range s.SessionsEnded {
			total.SessionsEnded[cause] += n
		}
		for reason, n := range s.LoginsFailed {
			total.LoginsFailed[reason] += n
		}
		total.SessionsBegun += s.SessionsBegun
		total.Refreshes += s.Refreshes
		total.RefreshesFailed += s.RefreshesFailed
		total.RevocationsTried += s.RevocationsTried
		total.RevocationsDone += s.RevocationsDone
		total.RevocationsFailed += s.RevocationsFailed
		total.BearersAccepted += s.BearersAccepted
		total.BearersRefused += s.BearersRefused
		total.BearersUnverified += s.BearersUnverified
	}
	return total
}

func outcome(name string) attribute.KeyValue { return attribute.String("passport.outcome", name) }

// observeQueues observes nothing if no store can count, or one does not answer: a gap is
// true.
func (o *observed) observeQueues(ctx context.Context, to metric.Observer, all []*passport.Passport) error {
	pending, counted := 0, 0
	var oldest time.Time
	for _, p := range all {
		n, err := p.PendingRevocations(ctx)
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, passport.ErrClosed) {
			continue
		}
		if err != nil {
			return err
		}
		counted++
		pending += n.Pending
		if oldest.IsZero() || !n.Oldest.IsZero() && n.Oldest.Before(oldest) {
			oldest = n.Oldest
		}
	}
	if counted == 0 {
		return nil
	}
	age := 0.0
	if !oldest.IsZero() {
		age = max(time.Since(oldest).Seconds(), 0)
	}
	to.ObserveFloat64(o.pending, float64(pending))
	to.ObserveFloat64(o.oldest, age)
	return nil
}
