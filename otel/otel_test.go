package passportotel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/passport-go/passport"
	passportotel "github.com/passport-go/passport/otel"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// distant is a store outside this process, as far as anybody can tell, with all the
// interfaces of the one in it.
type distant struct {
	*memory.Store
	mu   sync.Mutex
	down error
}

func (d *distant) Load(ctx context.Context, id string) (storage.Record, error) {
	d.mu.Lock()
	err := d.down
	d.mu.Unlock()
	if err != nil {
		return storage.Record{}, err
	}
	return d.Store.Load(ctx, id)
}

func (d *distant) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = err
}

// site is a program that is traced and measured.
type site struct {
	t        *testing.T
	p        *passport.Passport
	i        *passportotel.Instrumentation
	auth     *passporttest.Server
	url      string
	store    *distant
	spans    *tracetest.InMemoryExporter
	tracer   trace.Tracer
	reader   *metric.ManualReader
	requests *requests
	events   chan passport.Event
}

func newSite(t *testing.T, o passportotel.Options) *site {
	t.Helper()
	s := &site{t: t, store: &distant{Store: memory.New(memory.Options{})}, spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader(),
		requests: &requests{seen: map[string]trace.SpanContext{}}, events: make(chan passport.Event, 100)}
	s.auth = passporttest.NewServer(passporttest.Options{AutoLogin: true})
	t.Cleanup(s.auth.Close)
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	s.tracer = traces.Tracer("the program")
	o.TracerProvider, o.MeterProvider = traces, metric.NewMeterProvider(metric.WithReader(s.reader))
	i, err := passportotel.New(o)
	require.NoError(t, err)
	s.i = i

	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := s.tracer.Start(r.Context(), r.URL.Path)
		defer span.End()
		handler.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	s.p, err = passport.New(i.Config(passport.Config{
		ClientID: passporttest.ClientID, AuthDomain: s.auth.URL, RedirectURI: s.url + "/redirect", LogoutRedirectURI: s.url + "/",
		Store: s.store, EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")}, BearerTokens: true,
		HTTPClient: &http.Client{Transport: s.requests, Timeout: 10 * time.Second},
		OnEvent:    func(e passport.Event) { s.events <- e },
	}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.p.Close(context.Background()) })
	require.NoError(t, i.Observe(s.p))
	mux := http.NewServeMux()
	mux.HandleFunc("/login", s.p.Login)
	mux.HandleFunc("/redirect", s.p.LoginCallback)
	mux.HandleFunc("/logout", s.p.Logout)
	handler = s.p.Handler(mux)
	return s
}

// requests are the calls to the provider, by path, with the spans that they were in.
type requests struct {
	mu   sync.Mutex
	seen map[string]trace.SpanContext
}

func (q *requests) RoundTrip(r *http.Request) (*http.Response, error) {
	q.mu.Lock()
	q.seen[r.URL.Path] = trace.SpanContextFromContext(r.Context())
	q.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (q *requests) in(path string) trace.SpanContext {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.seen[path]
}

// signIn returns a browser that has signed in, and the id of its session.
func (s *site) signIn() (*http.Client, passport.Secret) {
	s.t.Helper()
	b := s.auth.Browser()
	res, err := b.Get(s.url + "/login")
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	r := httptest.NewRequest("GET", s.url, nil)
	for _, c := range b.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	id := s.p.BrowserState(r).Session
	require.NotEmpty(s.t, id)
	return b, id
}

func (s *site) logout(b *http.Client) {
	s.t.Helper()
	res, err := b.Post(s.url+"/logout", "application/x-www-form-urlencoded", strings.NewReader(""))
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
}

// await returns once an event has come.
func (s *site) await(name passport.EventName) {
	s.t.Helper()
	for {
		select {
		case e := <-s.events:
			if e.Name == name {
				return
			}
		case <-time.After(10 * time.Second):
			require.FailNow(s.t, "no event", name)
		}
	}
}

// named returns a finished span.
func (s *site) named(name string) tracetest.SpanStub {
	s.t.Helper()
	for _, span := range s.spans.GetSpans() {
		if span.Name == name {
			return span
		}
	}
	require.FailNow(s.t, "no span", name)
	return tracetest.SpanStub{}
}

// children are the names below a span.
func (s *site) children(of tracetest.SpanStub) (names []string) {
	for _, span := range s.spans.GetSpans() {
		if span.Parent.SpanID() == of.SpanContext.SpanID() {
			names = append(names, span.Name)
		}
	}
	return names
}

func TestTracesKeepTheCallersContext(t *testing.T) {
	s := newSite(t, passportotel.Options{})
	b, id := s.signIn()
	login := s.named("passport login.finish")
	assert.Equal(t, s.named("/redirect").SpanContext.SpanID(), login.Parent.SpanID(), "below the program's own span")
	assert.Subset(t, s.children(login), []string{"passport store.save", "passport store.load", "passport store.list"})
	assert.Equal(t, login.SpanContext.TraceID(), s.requests.in("/oauth/token").TraceID(), "the transport's span will be in the trace")
	assert.True(t, slices.ContainsFunc(login.Events, func(e sdktrace.Event) bool { return e.Name == "passport.login" }))

	s.spans.Reset()
	session, err := s.p.Session(t.Context(), id)
	require.NoError(t, err)
	ctx, span := s.tracer.Start(t.Context(), "page")
	require.NoError(t, session.Refresh(ctx))
	span.End()
	refresh := s.named("passport refresh")
	assert.Equal(t, span.SpanContext().SpanID(), refresh.Parent.SpanID())
	assert.Contains(t, s.children(refresh), "passport store.save")
	assert.Equal(t, refresh.SpanContext.SpanID(), s.requests.in("/oauth/token").SpanID())

	s.spans.Reset()
	s.logout(b)
	s.await(passport.EventRevocationDone)
	logout := s.named("passport logout")
	assert.Equal(t, s.named("/logout").SpanContext.SpanID(), logout.Parent.SpanID())
	assert.Contains(t, s.children(logout), "passport store.delete_and_enqueue")
	revocation := s.named("passport revocation")
	assert.False(t, revocation.Parent.IsValid(), "in the background")
	assert.Equal(t, revocation.SpanContext.SpanID(), s.requests.in("/oauth/revoke").SpanID())
	for _, span := range s.spans.GetSpans() {
		if strings.HasPrefix(span.Name, "passport store.") {
			assert.True(t, span.Parent.IsValid(), "%s: the queue's polling makes no traces", span.Name)
		}
	}
}

func TestAFailureIsOnItsSpan(t *testing.T) {
	s := newSite(t, passportotel.Options{})
	_, id := s.signIn()
	s.spans.Reset()
	s.store.fail(errors.New("connection refused"))
	ctx, span := s.tracer.Start(t.Context(), "page")
	_, err := s.p.Session(ctx, id)
	require.ErrorIs(t, err, passport.ErrStoreUnavailable)
	span.End()
	load := s.named("passport store.load")
	assert.Equal(t, codes.Error, load.Status.Code)
	assert.Contains(t, load.Attributes, attribute.String("error.type", "_OTHER"))
	s.store.fail(nil)
	res, err := http.Get(s.url + "/redirect?state=x")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	finish := s.named("passport login.finish")
	assert.Contains(t, finish.Attributes, attribute.String("error.type", "no_login"))
	require.Len(t, finish.Events, 1)
	assert.Equal(t, []attribute.KeyValue{attribute.String("passport.reason", "unknown")}, finish.Events[0].Attributes)
}

// Nothing that is traced or measured is a secret, or says who it was, unless that is
// asked for.
func TestAttributesSayNobodysName(t *testing.T) {
	for _, identities := range []bool{false, true} {
		s := newSite(t, passportotel.Options{Identities: identities})
		b, id := s.signIn()
		session, err := s.p.Session(t.Context(), id)
		require.NoError(t, err)
		access, err := session.AccessToken(t.Context())
		require.NoError(t, err)
		s.logout(b)
		s.await(passport.EventRevocationDone)
		var all strings.Builder
		for _, span := range s.spans.GetSpans() {
			if !strings.HasPrefix(span.Name, "passport ") {
				continue
			}
			note := func(attributes []attribute.KeyValue) {
				for _, a := range attributes {
					all.WriteString(string(a.Key) + "=" + a.Value.String() + "\n")
				}
			}
			note(span.Attributes)
			all.WriteString(span.Name + span.Status.Description + "\n")
			for _, event := range span.Events {
				all.WriteString(event.Name + "\n")
				note(event.Attributes)
			}
		}
		for _, m := range s.collect() {
			all.WriteString(m.text)
		}
		said := all.String()
		require.Contains(t, said, "passport.operation=login.finish")
		for _, secret := range []string{id.Reveal(), access.Reveal(), s.auth.RefreshTokens()[0].Value} {
			assert.NotContains(t, said, secret)
		}
		for _, name := range []string{session.Subject(), session.ID(), "127.0.0.1"} {
			assert.Equal(t, identities, strings.Contains(said, name), name)
		}
	}
}

// measured is a metric as it was collected.
type measured struct {
	name, unit string
	text       string             // all of its attributes
	values     map[string]float64 // by their values
}

func (s *site) collect() map[string]measured {
	s.t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(s.t, s.reader.Collect(s.t.Context(), &data))
	found := map[string]measured{}
	for _, in := range data.ScopeMetrics {
		for _, m := range in.Metrics {
			one := measured{name: m.Name, unit: m.Unit, values: map[string]float64{}}
			add := func(set attribute.Set, value float64) {
				var key []string
				for _, a := range set.ToSlice() {
					one.text += string(a.Key) + "=" + a.Value.String() + "\n"
					key = append(key, a.Value.String())
				}
				one.values[strings.Join(key, " ")] = value
			}
			switch points := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range points.DataPoints {
					add(p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range points.DataPoints {
					add(p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range points.DataPoints {
					add(p.Attributes, float64(p.Count))
				}
			}
			found[m.Name] = one
		}
	}
	return found
}

func TestMetricsCount(t *testing.T) {
	s := newSite(t, passportotel.Options{})
	zero := s.collect()
	assert.Contains(t, zero["passport.session.ended"].values, "session.lost", "a rate needs its zero")
	b, id := s.signIn()
	session, err := s.p.Session(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, session.Refresh(t.Context()))
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
	s.logout(b)
	s.await(passport.EventRevocationRetry)
	_, _ = s.p.VerifyBearer(t.Context(), "nonsense")
	res, err := http.Get(s.url + "/redirect?state=x")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	m := s.collect()
	for name, want := range map[string]map[string]float64{
		"passport.session.begun":       {"": 1},
		"passport.session.ended":       {"logout": 1, "session.lost": 0},
		"passport.login.failed":        {"unknown": 1, "denied": 0},
		"passport.token.refreshes":     {"done": 1, "failed": 0},
		"passport.revocation.attempts": {"": 1},
		"passport.revocation.finished": {"done": 0, "failed": 0},
		"passport.bearer.checked":      {"accepted": 0, "refused": 1, "unverified": 0},
		"passport.revocation.pending":  {"": 1},
		"passport.operation.duration":  {"login.finish": 1, "no_login login.finish": 1, "refresh": 1, "logout": 1, "provider_error revocation": 1},
	} {
		for key, value := range want {
			got, known := m[name].values[key]
			assert.True(t, known, "%s of %q: %v", name, key, m[name].values)
			assert.InDelta(t, value, got, 0, "%s of %q", name, key)
		}
	}
	assert.Greater(t, m["passport.revocation.oldest"].values[""], 0.0)
	lift()
}

// queued is a store with revocations that nobody works off.
type queued struct {
	*memory.Store
	n   storage.RevocationCount
	err error
}

func (q *queued) CountRevocations(context.Context, string) (storage.RevocationCount, error) {
	return q.n, q.err
}

// The programs of several tenants observe them all on one Instrumentation: none of their
// gauges overwrites another.
func TestTheMetricsOfSeveralPassportsAreOne(t *testing.T) {
	s := newSite(t, passportotel.Options{})
	s.signIn()
	now := time.Now()
	var stores []*queued
	var passports []*passport.Passport
	for i, n := range []storage.RevocationCount{{Pending: 3, Oldest: now.Add(-time.Hour)}, {Pending: 4, Oldest: now.Add(-time.Minute)}, {}} {
		store := &queued{memory.New(memory.Options{}), n, nil}
		p, err := passport.New(s.i.Config(passport.Config{
			ClientID: fmt.Sprint("client ", i), AuthDomain: s.auth.URL, RedirectURI: s.url + "/redirect",
			Store: store, EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")}, BearerTokens: true,
		}))
		require.NoError(t, err)
		t.Cleanup(func() { _ = p.Close(context.Background()) })
		_, _ = p.VerifyBearer(t.Context(), "nonsense")
		require.NoError(t, s.i.Observe(p))
		require.NoError(t, s.i.Observe(p), "again")
		stores, passports = append(stores, store), append(passports, p)
	}
	m := s.collect()
	assert.InDelta(t, 7, m["passport.revocation.pending"].values[""], 0)
	assert.InDelta(t, time.Hour.Seconds(), m["passport.revocation.oldest"].values[""], 60)
	assert.InDelta(t, 3, m["passport.bearer.checked"].values["refused"], 0)
	assert.InDelta(t, 1, m["passport.session.begun"].values[""], 0)

	stores[1].err = errors.New("connection refused")
	var data metricdata.ResourceMetrics
	require.ErrorIs(t, s.reader.Collect(t.Context(), &data), passport.ErrStoreUnavailable)
	for _, in := range data.ScopeMetrics {
		for _, m := range in.Metrics {
			assert.NotEqual(t, "passport.revocation.pending", m.Name, "a part is not the whole")
		}
	}
	stores[1].err = errors.ErrUnsupported
	assert.InDelta(t, 3, s.collect()["passport.revocation.pending"].values[""], 0)

	// As in a program that has read its configuration anew.
	require.NoError(t, passports[0].Close(t.Context()))
	stores[0].err = errors.New("client is closed")
	assert.InDelta(t, 0, s.collect()["passport.revocation.pending"].values[""], 0)
}

// The table in the documentation has each metric, and no other.
func TestTheDocumentationHasEveryMetric(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(passport\\.[a-z.]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, row[1]+" in "+strings.Trim(row[2], "` "))
	}
	s := newSite(t, passportotel.Options{})
	s.signIn()
	var measured []string
	for _, m := range s.collect() {
		measured = append(measured, m.name+" in "+m.unit)
	}
	assert.ElementsMatch(t, measured, documented)
	dashboard, err := os.ReadFile("../docs/dashboard.json")
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`passport_[a-z_]+`).FindAllString(string(dashboard), -1) {
		known := slices.ContainsFunc(measured, func(m string) bool {
			otlp, _, _ := strings.Cut(m, " ")
			return strings.HasPrefix(name, strings.ReplaceAll(otlp, ".", "_"))
		})
		assert.True(t, known || name == "passport_cause" || name == "passport_reason" || name == "passport_outcome" || name == "passport_operation", name)
	}
}

// What the program has in its Config goes on being called.
func TestConfigKeepsTheProgramsOwnTrace(t *testing.T) {
	i, err := passportotel.New(passportotel.Options{})
	require.NoError(t, err)
	type key struct{}
	var ended []error
	c := i.Config(passport.Config{Trace: func(context.Context, passport.Operation) passport.Span {
		return passport.Span{
			Context: func(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) },
			End:     func(err error) { ended = append(ended, err) },
		}
	}})
	span := c.Trace(t.Context(), passport.OperationLogout)
	assert.Equal(t, true, span.Context(t.Context()).Value(key{}))
	span.End(passport.ErrClosed)
	assert.Equal(t, []error{passport.ErrClosed}, ended)
}
