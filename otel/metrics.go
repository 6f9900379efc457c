package passportotel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/passport-go/passport"
)

// Observe registers the metrics that p counts, and how many revocations are pending,
// which is asked of the store each time that the metrics are collected. They are
// observed until p is closed and the meter provider shut down.
func (i *Instrumentation) Observe(p *passport.Passport) error {
	o := &observed{p: p}
	var errs []error
	counter := func(name, unit, description string) metric.Int64ObservableCounter {
		c, err := i.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	gauge := func(name, unit, description string) metric.Float64ObservableGauge {
		g, err := i.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
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
		return fmt.Errorf("passport/otel: %w", err)
	}
	_, err := i.meter.RegisterCallback(o.observe, o.begun, o.ended, o.loginFailed, o.refreshes, o.attempts, o.finished, o.bearers, o.pending, o.oldest)
	if err != nil {
		return fmt.Errorf("passport/otel: %w", err)
	}
	return nil
}

// observed is a Passport with its instruments.
type observed struct {
	p *passport.Passport

	begun, ended, loginFailed, refreshes, attempts, finished, bearers metric.Int64ObservableCounter
	pending, oldest                                                   metric.Float64ObservableGauge
}

func (o *observed) observe(ctx context.Context, to metric.Observer) error {
	s := o.p.Stats()
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
	return o.observeQueue(ctx, to)
}

func outcome(name string) attribute.KeyValue { return attribute.String("passport.outcome", name) }

// observeQueue observes nothing if the store cannot count: a gap is true.
func (o *observed) observeQueue(ctx context.Context, to metric.Observer) error {
	n, err := o.p.PendingRevocations(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	age := 0.0
	if !n.Oldest.IsZero() {
		age = max(time.Since(n.Oldest).Seconds(), 0)
	}
	to.ObserveFloat64(o.pending, float64(n.Pending))
	to.ObserveFloat64(o.oldest, age)
	return nil
}
