package revocation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// These tests run in bubbles with a clock of their own (testing/synctest).

// provider stands in for Config.Revoke.
type provider struct {
	answer   func(n int) Answer // to the nth call; nil: Done
	answerTo map[string]Answer  // by Record.ID, before answer

	mu         sync.Mutex
	takes      time.Duration // each call; one whose context ends first fails
	calls      []time.Time
	concurrent int
	most       int            // that were concurrent
	revoked    map[string]int // how often, by Record.ID
}

func (p *provider) revoke(ctx context.Context, r storage.Record) Answer {
	n, takes := p.begin()
	err := tasks.Pause(ctx, takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.concurrent--
	if err != nil {
		return Answer{Outcome: Pending, Err: err}
	}
	answer := p.answers(r.ID, n)
	if answer.Outcome == Done {
		p.revoked[r.ID]++
	}
	return answer
}

func (p *provider) answers(id string, n int) Answer {
	if answer, ok := p.answerTo[id]; ok {
		return answer
	}
	if p.answer != nil {
		return p.answer(n)
	}
	return Answer{Outcome: Done}
}

func (p *provider) begin() (n int, takes time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, time.Now())
	p.concurrent++
	p.most = max(p.most, p.concurrent)
	if p.revoked == nil {
		p.revoked = map[string]int{}
	}
	return len(p.calls), p.takes
}

func (p *provider) slowDown(takes time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takes = takes
}

// called returns when the provider was called.
func (p *provider) called() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (p *provider) times(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.revoked[id]
}

var unwell = Answer{Outcome: Pending, Err: fmt.Errorf("status 503")}

// failing answers a until the nth call.
func failing(a Answer, until int) func(int) Answer {
	return func(n int) Answer {
		if n < until {
			return a
		}
		return Answer{Outcome: Done}
	}
}

func always(a Answer) func(int) Answer { return func(int) Answer { return a } }

// process is a process with a worker, and the store that it shares with others.
type process struct {
	*Worker
	t     *testing.T
	store store

	mu     sync.Mutex
	events []Event
}

type store interface {
	storage.TokenStore
	storage.RevocationQueue
}

func newStore() *memory.Store {
	return memory.New(memory.Options{Limit: -1, RevocationLimit: -1})
}

// start returns a process whose queue is durable: nothing ends with it.
func start(t *testing.T, s store, p *provider) *process {
	it := &process{t: t, store: s}
	it.Worker = New(Config{
		Store: s, Queue: s, StoreTimeout: 10 * time.Second, Revoke: p.revoke, Report: it.report,
		Tasks: tasks.New(), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	return it
}

// startVolatile returns one whose queue ends with it.
func startVolatile(t *testing.T, s store, p *provider) *process {
	it := start(t, s, p)
	it.c.Volatile = true
	return it
}

func (p *process) report(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

func (p *process) reported(o Outcome) (events []Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Outcome == o {
			events = append(events, e)
		}
	}
	return events
}

// end removes a session, and leaves its revocation to the caller.
func (p *process) end(id string) storage.Revocation {
	p.t.Helper()
	_, err := p.store.Save(p.t.Context(), record(id))
	require.NoError(p.t, err)
	r, err := p.Delete(p.t.Context(), id)
	require.NoError(p.t, err)
	return *r
}

// logOut ends sessions in turn and waits for each outcome for a moment.
func (p *process) logOut(ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		p.Revoke(p.end(id))
		time.Sleep(time.Millisecond)
	}
}

func record(id string) storage.Record {
	return storage.Record{ID: id, Expiry: time.Now().Add(time.Hour)}
}

func ids(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint("session ", i))
	}
	return all
}

// stop ends the process as Passport.Close does.
func (p *process) stop(ctx context.Context) {
	p.Finish(ctx)
	p.c.Tasks.Finish(ctx)
}

// kill ends it without another attempt.
func (p *process) kill() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	p.close()
	p.c.Tasks.Finish(ended)
}
