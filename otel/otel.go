// Package passportotel traces and measures a [passport.Passport] with OpenTelemetry. It is
// a module of its own, github.com/passport-go/passport/otel.
//
//	o, err := passportotel.New(passportotel.Options{})
//	...
//	p, err := passport.New(o.Config(config))
//	...
//	err = o.Observe(p)
//
// There is a span for each operation of package passport: login.begin, login.finish,
// refresh, logout, provider.logout and revocation. Calls to a store outside the process
// have spans too, but only within another span. A span belongs to the trace in the
// context of the call, which for the handlers is the context of the request. What
// happened, such as the login or the logout of a session, is an event of the span.
//
// For spans of the calls to the provider, give Config.HTTPClient an instrumented
// transport. For spans within the store, instrument the store's own client.
//
// docs/operations.md lists the metrics.
package passportotel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/passport-go/passport"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/passport-go/passport/otel"

// Options are optional; the zero value is ready to use.
type Options struct {
	// TracerProvider and MeterProvider are where traces and metrics go. Default: the
	// global ones.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider

	// Identities adds user.id, session.id and client.address to the events of spans.
	// They are personal data. Metrics never have them. Default: they are left out.
	Identities bool
}

// Instrumentation traces and measures. Use one for all the Passports of a meter provider:
// a second one would overwrite the gauges of the first. It may be used from many
// goroutines at once.
type Instrumentation struct {
	identities bool
	tracer     trace.Tracer
	meter      metric.Meter
	duration   metric.Float64Histogram
	observed   observed
}

// New creates an Instrumentation. Its errors are those of the meter provider.
func New(o Options) (*Instrumentation, error) {
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	i := &Instrumentation{identities: o.Identities, tracer: o.TracerProvider.Tracer(scope), meter: o.MeterProvider.Meter(scope)}
	var err error
	i.duration, err = i.meter.Float64Histogram("passport.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("How long operations take, and calls to a store outside the process."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("passport/otel: %w", err)
	}
	return i, nil
}

// Config returns a copy of c with Trace and OnEvent set. Functions that c has there are
// still called.
func (i *Instrumentation) Config(c passport.Config) passport.Config {
	theirs, tell := c.Trace, c.OnEvent
	c.Trace = i.trace
	if theirs != nil {
		c.Trace = func(ctx context.Context, o passport.Operation) passport.Span {
			return both(theirs(ctx, o), i.trace(ctx, o))
		}
	}
	c.OnEvent = func(e passport.Event) {
		i.note(e)
		if tell != nil {
			tell(e)
		}
	}
	return c
}

// both is a span of two tracers.
func both(a, b passport.Span) passport.Span {
	return passport.Span{
		Context: func(ctx context.Context) context.Context {
			if a.Context != nil {
				ctx = a.Context(ctx)
			}
			return b.Context(ctx)
		},
		End: func(err error) {
			if a.End != nil {
				a.End(err)
			}
			b.End(err)
		},
	}
}

// trace is a Config.Trace.
func (i *Instrumentation) trace(ctx context.Context, o passport.Operation) passport.Span {
	begun := time.Now()
	carried := baggage.FromContext(ctx)
	span := trace.SpanFromContext(ctx)
	own := span.SpanContext().IsValid() || !isStore(o) // else the queue's polling would be traces of their own
	if own {
		ctx, span = i.tracer.Start(ctx, "passport "+string(o))
	}
	return passport.Span{
		Context: func(ctx context.Context) context.Context {
			return baggage.ContextWithBaggage(trace.ContextWithSpan(ctx, span), carried)
		},
		End: func(err error) {
			attributes := []attribute.KeyValue{attribute.String("passport.operation", string(o))}
			if err != nil {
				attributes = append(attributes, attribute.String("error.type", errorType(err)))
			}
			i.duration.Record(context.WithoutCancel(ctx), time.Since(begun).Seconds(), metric.WithAttributes(attributes...))
			if !own {
				return
			}
			span.SetAttributes(attributes...)
			if err != nil {
				span.SetStatus(codes.Error, errorType(err))
			}
			span.End()
		},
	}
}

func isStore(o passport.Operation) bool { return strings.HasPrefix(string(o), "store.") }

// errorTypes are what error.type says of the errors of operations. docs/operations.md lists
// them.
var errorTypes = []struct {
	err  error
	name string
}{
	{passport.ErrStoreUnavailable, "store_unavailable"},
	{passport.ErrKeysUnavailable, "keys_unavailable"},
	{passport.ErrNoSession, "no_session"},
	{passport.ErrNoLogin, "no_login"},
	{passport.ErrLoginLoop, "login_loop"},
	{passport.ErrNotReauthenticated, "not_reauthenticated"},
	{passport.ErrNotRecent, "not_recent"},
	{passport.ErrInsufficientACR, "insufficient_acr"},
	{passport.ErrSignIn, "sign_in"},
	{passport.ErrClosed, "closed"},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
}

// errorType is the error.type of the semantic conventions: one of a few. The error's own
// text is left to logs.
func errorType(err error) string {
	for _, known := range errorTypes {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	switch {
	case errors.As(err, new(*passport.ProviderError)):
		return "provider_error"
	case errors.As(err, new(*passport.SignInRefused)):
		return "refused"
	}
	return "_OTHER"
}

// note is a Config.OnEvent.
func (i *Instrumentation) note(e passport.Event) {
	if e.Context == nil {
		return
	}
	span := trace.SpanFromContext(e.Context)
	if !span.IsRecording() {
		return
	}
	var attributes []attribute.KeyValue
	add := func(key, value string) {
		if value != "" {
			attributes = append(attributes, attribute.String(key, value))
		}
	}
	add("passport.reason", string(e.Reason))
	if i.identities {
		add("user.id", e.Subject)
		add("session.id", e.Session)
		add("client.address", e.RemoteAddr)
	}
	span.AddEvent("passport."+string(e.Name), trace.WithAttributes(attributes...))
}
