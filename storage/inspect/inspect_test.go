package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/inspect"
	"github.com/passport-go/passport/storage/memory"
)

func ids(findings []storage.Finding) []string {
	all := []string{}
	for _, f := range findings {
		all = append(all, f.ID)
	}
	return all
}

// withFault is a store in which one method fails.
type withFault struct {
	*memory.Store
	load, remove error
}

func (s withFault) Load(ctx context.Context, id string) (storage.Record, error) {
	if s.load != nil {
		return storage.Record{}, s.load
	}
	return s.Store.Load(ctx, id)
}

func (s withFault) Delete(ctx context.Context, id string) (storage.Record, error) {
	r, err := s.Store.Delete(ctx, id)
	return r, errors.Join(err, s.remove)
}

func TestAStoreThatFailsIsFound(t *testing.T) {
	store := memory.New(memory.Options{})
	assert.Empty(t, inspect.Store(t.Context(), store))
	for _, broken := range []withFault{{store, errors.New("no route\nto host"), nil}, {store, nil, errors.New("no route\nto host")}} {
		findings := inspect.Store(t.Context(), broken)
		assert.Equal(t, []string{"store.unavailable"}, ids(findings))
		assert.Contains(t, findings[0].Seen, "no route to host")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, []string{"store.unavailable"}, ids(inspect.Store(cancelled, store)))
	left, err := store.List(t.Context(), storage.Match{Tenant: "passport-inspect", Kind: "inspect", Subject: "passport-inspect"})
	require.NoError(t, err)
	assert.Empty(t, left, "nothing is left behind")
}

// withoutRight is a queue of which one method is refused.
type withoutRight struct {
	*memory.Store
	to string
}

func (s withoutRight) refuses(method string) error {
	if method == s.to {
		return errors.New("NOPERM " + method)
	}
	return nil
}

func (s withoutRight) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	if err := s.refuses("enqueue"); err != nil {
		return storage.Revocation{}, err
	}
	return s.Store.Enqueue(ctx, r, lease)
}

func (s withoutRight) Retry(ctx context.Context, r storage.Revocation, due time.Time) error {
	return errors.Join(s.refuses("retry"), s.Store.Retry(ctx, r, due))
}

func (s withoutRight) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	if err := s.refuses("claim"); err != nil {
		return nil, err
	}
	return s.Store.Claim(ctx, tenant, n, lease)
}

func (s withoutRight) Complete(ctx context.Context, r storage.Revocation) error {
	return errors.Join(s.refuses("complete"), s.Store.Complete(ctx, r))
}

// Who may use the records of a store may still lack what a logout needs.
func TestAQueueThatFailsIsFound(t *testing.T) {
	store := memory.New(memory.Options{})
	for _, method := range []string{"enqueue", "retry", "claim", "complete"} {
		findings := inspect.Store(t.Context(), withoutRight{store, method})
		require.Equal(t, []string{"store.queue"}, ids(findings), method)
		assert.Contains(t, findings[0].Seen, "NOPERM "+method)
	}
	assert.Empty(t, inspect.Store(t.Context(), store))
	count, err := store.CountRevocations(t.Context(), "passport-inspect")
	require.NoError(t, err)
	assert.Zero(t, count.Pending, "nothing is left behind, not even by an inspection that failed")
}

// A logout keeps its revocation elsewhere then.
func TestAQueueThatIsFullWorks(t *testing.T) {
	store := memory.New(memory.Options{RevocationLimit: 1})
	_, err := store.Enqueue(t.Context(), storage.Record{ID: "pending", Tenant: "passport-inspect", Expiry: time.Now().Add(time.Hour)}, time.Hour)
	require.NoError(t, err)
	assert.Empty(t, inspect.Store(t.Context(), store))
}

// Two may look at once, and claim each other's.
func TestInspectionsAtOnceDoNotDisturbEachOther(t *testing.T) {
	store := memory.New(memory.Options{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { assert.Empty(t, inspect.Store(t.Context(), store)) })
	}
	all.Wait()
	assert.Empty(t, inspect.Store(t.Context(), store))
}

// Replicas that do not confirm are another matter than a server that does not answer.
func TestReplicasThatDoNotConfirmAreFound(t *testing.T) {
	store := withFault{memory.New(memory.Options{}), nil, fmt.Errorf("%w: one of two", storage.ErrNotReplicated)}
	findings := inspect.Store(t.Context(), store)
	assert.Equal(t, []string{"store.not-replicated"}, ids(findings))
	assert.Contains(t, findings[0].Seen, "one of two")
}

// inspected is a store that knows something about itself.
type inspected struct{ *memory.Store }

func (inspected) Inspect(context.Context) ([]storage.Finding, error) {
	return []storage.Finding{{ID: "inspected.full"}}, errors.New("and does not answer")
}

// wrapper hides the queue, and says what it wraps.
type wrapper struct{ storage.TokenStore }

func (w wrapper) Unwrap() storage.TokenStore { return w.TokenStore }

func TestAnInspectorIsAskedBehindAWrapper(t *testing.T) {
	store := inspected{memory.New(memory.Options{})}
	assert.Equal(t, []string{"store.unavailable", "inspected.full"}, ids(inspect.Store(t.Context(), store)))
	assert.Equal(t, []string{"store.no-queue", "inspected.full"}, ids(inspect.Store(t.Context(), wrapper{wrapper{store}})))
}

// boundless is a store whose server writes into what it finds.
type boundless struct {
	*memory.Store
	findings []storage.Finding
}

func (b boundless) Inspect(context.Context) ([]storage.Finding, error) { return b.findings, nil }

func TestWhatAnInspectorFindsIsCutAndCleaned(t *testing.T) {
	long := strings.Repeat("\x1b[31m\u202e", 1<<18)
	inspector := boundless{memory.New(memory.Options{}), nil}
	odd := storage.Finding{ID: "a\nb" + long, Severity: "odd", Seen: "c\u009bd" + long, Why: "e\rf" + long, Remedy: long}
	for range 1000 {
		inspector.findings = append(inspector.findings, odd)
	}
	inspector.findings[1].Severity = storage.Problem
	findings := inspect.Store(t.Context(), inspector)
	require.LessOrEqual(t, len(findings), 100)
	last := findings[len(findings)-1]
	assert.Equal(t, "store.more", last.ID)
	assert.Contains(t, last.Seen, "910 findings")
	assert.Equal(t, storage.Problem, findings[1].Severity)
	for _, f := range findings[2 : len(findings)-1] {
		assert.Equal(t, storage.Warning, f.Severity)
		assert.Regexp(t, "^a b ", f.ID)
		assert.Regexp(t, "^c d ", f.Seen)
		assert.Regexp(t, "^e f ", f.Why)
		for _, text := range []string{f.ID, f.Seen, f.Why, f.Remedy} {
			require.LessOrEqual(t, len(text), 500)
			require.NotRegexp(t, `[\p{Cc}\x{202e}]`, text)
		}
	}
	inspector.findings = []storage.Finding{{ID: "redis.fsync", Severity: storage.Note, Seen: "appendfsync is no", Why: "why", Remedy: "what"}}
	assert.Equal(t, inspector.findings, inspect.Store(t.Context(), inspector), "what is fine stays as it is")
}

func TestOnlyThisMachineInspects(t *testing.T) {
	handler := inspect.Handler(memory.New(memory.Options{}))
	ask := func(change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:6060/debug", nil)
		r.RemoteAddr = "127.0.0.1:1234"
		r.Header.Set("Passport-Inspect", "1")
		change(r)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	for name, change := range map[string]func(*http.Request){
		"loopback":       func(*http.Request) {},
		"by name":        func(r *http.Request) { r.Host = "localhost:6060" },
		"IPv6":           func(r *http.Request) { r.Host, r.RemoteAddr = "[::1]:6060", "[::1]:1234" },
		"without a port": func(r *http.Request) { r.Host = "[::1]" },
		"a Unix socket":  func(r *http.Request) { r.RemoteAddr = "@" },
	} {
		w := ask(change)
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.JSONEq(t, `{"findings":[]}`, w.Body.String(), name)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
	for name, change := range map[string]func(*http.Request){
		"another machine":                       func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1234" },
		"a name that leads here":                func(r *http.Request) { r.Host = "rebinding.example" },
		"a proxy":                               func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") },
		"a proxy that names only the host":      func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "a.example") },
		"a proxy by the standard":               func(r *http.Request) { r.Header.Set("Forwarded", "for=192.0.2.1") },
		"a proxy that names itself":             func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") },
		"a crawler, or an address bar":          func(r *http.Request) { r.Header.Del("Passport-Inspect") },
		"another page in a browser":             func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a page of another program on the host": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
	} {
		assert.Equal(t, http.StatusForbidden, ask(change).Code, name)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, ask(func(r *http.Request) { r.Method = http.MethodPost }).Code)
}

// As nginx sends it on with a bare proxy_pass: Host is the upstream's, and nothing is
// added.
func TestABareProxyOnThisMachineDoesNotInspect(t *testing.T) {
	server := httptest.NewServer(inspect.Handler(memory.New(memory.Options{})))
	t.Cleanup(server.Close)
	for request, want := range map[string]string{
		"GET / HTTP/1.0\r\nHost: %s\r\nConnection: close\r\nPassport-Inspect: 1\r\n\r\n": "HTTP/1.0 403",
		"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n":                        "HTTP/1.1 403",
		"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nPassport-Inspect: 1\r\n\r\n": "HTTP/1.1 200",
	} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprintf(c, request, server.Listener.Addr())
		require.NoError(t, err)
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		assert.Equal(t, want, string(answer[:min(len(answer), len(want))]), request)
	}
}

// waiting is a store that answers when it is told to.
type waiting struct {
	*memory.Store
	asked, answer chan struct{}
}

func (s waiting) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	s.asked <- struct{}{}
	<-s.answer
	return s.Store.Save(ctx, r)
}

func TestOneInspectionRunsAtATime(t *testing.T) {
	store := waiting{memory.New(memory.Options{}), make(chan struct{}), make(chan struct{})}
	server := httptest.NewServer(inspect.Handler(store))
	t.Cleanup(server.Close)
	done := make(chan int, 1)
	get := func() int {
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if !assert.NoError(t, err) {
			return 0
		}
		r.Header.Set("Passport-Inspect", "1")
		res, err := http.DefaultClient.Do(r)
		if !assert.NoError(t, err) {
			return 0
		}
		defer res.Body.Close()
		var report struct{ Findings []storage.Finding }
		if res.StatusCode == http.StatusOK {
			assert.NoError(t, json.NewDecoder(res.Body).Decode(&report))
		}
		return res.StatusCode
	}
	go func() { done <- get() }()
	<-store.asked
	assert.Equal(t, http.StatusServiceUnavailable, get())
	close(store.answer)
	require.Equal(t, http.StatusOK, <-done)
}
