package passportotel_test

import (
	"context"
	"fmt"
	"log"
	"slices"

	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/passport-go/passport"
	passportotel "github.com/passport-go/passport/otel"
	"github.com/passport-go/passport/storage"
)

// A program sets its providers up as ever, and hands its Config through.
func Example() {
	spans := tracetest.NewInMemoryExporter() // an exporter of OTLP, in a real program
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	meters := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))

	o, err := passportotel.New(passportotel.Options{TracerProvider: traces, MeterProvider: meters})
	if err != nil {
		log.Fatal(err)
	}
	p, err := passport.New(o.Config(passport.Config{
		ClientID:    "client",
		RedirectURI: "https://app.example.com/redirect",
	}))
	if err != nil {
		log.Fatal(err)
	}
	if err := o.Observe(p); err != nil {
		log.Fatal(err)
	}

	ctx, request := traces.Tracer("app").Start(context.Background(), "POST /account/delete")
	if _, err := p.EndSessions(ctx, storage.Match{Subject: "user"}); err != nil {
		log.Fatal(err)
	}
	request.End()
	var names []string
	for _, span := range spans.GetSpans() {
		names = append(names, span.Name)
	}
	slices.Sort(names)
	fmt.Println(names)
	// Output: [POST /account/delete passport logout]
}

// Traces and metrics go to the global providers, which a program sets up first.
func ExampleNew() {
	var config passport.Config // the program's

	o, err := passportotel.New(passportotel.Options{})
	if err != nil {
		log.Fatal(err)
	}
	p, err := passport.New(o.Config(config))
	if err != nil {
		log.Fatal(err)
	}
	if err := o.Observe(p); err != nil {
		log.Fatal(err)
	}
}
