package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/inspect"
	"github.com/passport-go/passport/storage/memory"
)

func TestTheStoreIsExamined(t *testing.T) {
	r := deployment{config: func(c *passport.Config) { c.ClientSecret = clientSecret }}.start(t)
	for name, test := range map[string]struct {
		handler http.Handler
		want    []string
	}{
		"a sound store":                {inspect.Handler(memory.New(memory.Options{})), []string{}},
		"a store that is off":          {inspect.Handler(offStore{memory.New(memory.Options{})}), []string{"store.unavailable"}},
		"a queue without rights":       {inspect.Handler(queuelessStore{memory.New(memory.Options{})}), []string{"store.queue"}},
		"replicas that do not confirm": {inspect.Handler(unconfirmedStore{memory.New(memory.Options{})}), []string{"store.not-replicated"}},
		"a slow store":                 {inspect.Handler(slowStore{memory.New(memory.Options{})}), []string{"store.slow"}},
		"a store without a queue": {
			inspect.Handler(struct{ storage.TokenStore }{memory.New(memory.Options{})}), []string{"store.no-queue"}},
		"a store that finds much": {inspect.Handler(wordyStore{memory.New(memory.Options{})}),
			append([]string{"store.more"}, slices.Repeat([]string{"mystore.full"}, 90)...)},
		"another page":    {http.NotFoundHandler(), []string{"store.unreadable"}},
		"another program": {answers(`{"status":"ok"}`), []string{"store.unreadable"}},
		"findings of its own": {
			answers(`{"findings":[{"id":"mystore.full","severity":"note","seen":"s3cret of the shop\u001b[2J","why":"\u009b2J\u202ebecause","remedy":"do\u0085 \u2066so"},{"id":"<b>","severity":"x"}]}`),
			[]string{"store.unavailable", "mystore.full"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			admin := httptest.NewServer(test.handler)
			t.Cleanup(admin.Close)
			report := r.examine(t, func(o *Options) {
				o.ProviderOnly, o.StoreURL = true, admin.URL
			})
			assert.Equal(t, test.want, ids(report), "%+v", report.Findings)
			for _, f := range report.Findings {
				assert.NotContains(t, f.Seen, clientSecret)
				for _, part := range []string{f.Seen, f.Why, f.Remedy} {
					assert.Equal(t, text.Line(part, len(part)), part)
				}
			}
		})
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	assert.Equal(t, []string{"store.unreadable"}, ids(r.examine(t, func(o *Options) { o.ProviderOnly, o.StoreURL = true, gone.URL })))
	report := r.examine(t, func(o *Options) { o.ProviderOnly, o.StoreURL = true, "http://store.example.com/debug" })
	assert.Equal(t, []string{"store.unreadable"}, ids(report), "in the clear, to anybody")
}

func answers(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
}

// queuelessStore is one whose user has no rights on the queue.
type queuelessStore struct{ *memory.Store }

func (queuelessStore) Enqueue(context.Context, storage.Record, time.Duration) (storage.Revocation, error) {
	return storage.Revocation{}, errors.New("permission denied for table passport_revocations")
}

type unconfirmedStore struct{ *memory.Store }

func (s unconfirmedStore) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	r, err := s.Store.Save(ctx, r)
	return r, errors.Join(err, storage.ErrNotReplicated)
}

type slowStore struct{ *memory.Store }

func (s slowStore) Load(ctx context.Context, id string) (storage.Record, error) {
	select {
	case <-time.After(60 * time.Millisecond):
	case <-ctx.Done():
	}
	return s.Store.Load(ctx, id)
}

// wordyStore is a Cluster of many nodes, all of them full.
type wordyStore struct{ *memory.Store }

func (wordyStore) Inspect(context.Context) (all []storage.Finding, _ error) {
	long := strings.Repeat("\u2028\"", 1000)
	for node := range 500 {
		all = append(all, storage.Finding{ID: "mystore.full", Severity: storage.Note, Seen: fmt.Sprintf("node %d%s", node, long), Why: long, Remedy: long})
	}
	return all, nil
}
