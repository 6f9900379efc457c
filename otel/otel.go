// Package passportotel traces and measures a [passport.Passport] with OpenTelemetry.
//
//	o, err := passportotel.New(passportotel.Options{})
//	...
//	p, err := passport.New(o.Config(config))
//	...
//	err = o.Observe(p)
//
// Spans are of the operations of package passport: login.begin, login.finish, refresh,
// logout, provider.logout, revocation, and the calls to a store outside the process,
// whose spans are made below others alone. They are in the trace of the context that the
// methods are called with, which is the request's for the handlers. What happened, such
// as the login or the logout of a session, are events of the span.
//
// The calls to the provider are those of Config.HTTPClient: give it an instrumented
// transport, and they are in the same traces. The store's client has an instrumentation
// of its own, too.
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

	// Identities puts onto the events of spans whom they are about: user.id, session.id
	// and client.address, which are personal data. Metrics never have them. Default:
	// nobody can be recognised.
	Identities bool
}

// Instrumentation traces and measures. One serves all Passports of a meter provider, and
// their metrics are one; a second one there would overwrite the first one's gauges. It may be used from many goroutines at once.
type Instrumentation struct {
	identities bool
	tracer     trace.Tracer
	meter      metric.Meter
	duration   metric.Float64Histogram
	observed   observed
}

// New creates the instruments.
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

// Config returns c with Trace and OnEvent set. What c has there is called too.
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

// errorType is the error.type of the semantic conventions: one of a few. The error's own
// text is left to logs.
func errorType(err error) string {
	for _, known := range []struct {
		err  error
		name string
	}{
		{passport.ErrStoreUnavailable, "store_unavailable"},
		{passport.ErrNoSession, "no_session"},
		{passport.ErrNoLogin, "no_login"},
		{passport.ErrNotReauthenticated, "not_reauthenticated"},
		{passport.ErrNotRecent, "not_recent"},
		{passport.ErrSignIn, "sign_in"},
		{passport.ErrClosed, "closed"},
		{context.DeadlineExceeded, "timeout"},
		{context.Canceled, "canceled"},
	} {
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
