package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/passport-go/passport/storage"
)

var randomChecks = []check{
	{"random calls are answered as the contract says", randomCalls},
}

// random returns a source of randomness, whose seed is logged so that it can be
// repeated.
func (f *fixture) random() *rand.Rand {
	f.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("STORAGETEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			f.Fatalf("STORAGETEST_SEED: %v", err)
		}
	}
	f.Logf("STORAGETEST_SEED=%d repeats this run", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// walk makes the same random calls to a store and to the reference.
type walk struct {
	*fixture
	rand   *rand.Rand
	model  *reference
	queue  storage.RevocationQueue // nil if the store has none
	lister storage.Lister          // nil if the store is none
	read   []storage.Record
	leased []storage.Revocation
	trace  []string // of all calls
}

func randomCalls(f *fixture) {
	w := &walk{fixture: f, rand: f.random(), model: newReference(f.clock.Now)}
	w.queue, _ = f.store.(storage.RevocationQueue)
	w.lister, _ = f.store.(storage.Lister)
	for range upTo(2500) {
		w.step()
	}
}

// step makes one call. It draws from few names, so that calls often collide.
func (w *walk) step() {
	calls := []func(){
		w.create, w.create, w.create, w.replace, w.replace, w.replace, w.load, w.load,
		w.delete, w.deleteMatching, w.advance,
	}
	if w.lister != nil {
		calls = append(calls, w.list)
	}
	if w.queue != nil {
		calls = append(calls, w.deleteAndEnqueue, w.deleteMatchingAndEnqueue, w.enqueue, w.claim, w.claim, w.retry, w.complete)
	}
	w.pick(calls)()
}

func (w *walk) pick(calls []func()) func() { return calls[w.rand.IntN(len(calls))] }

func (w *walk) log(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

// answered compares two results, and keeps the records for later calls.
func (w *walk) answered(got, want []storage.Record, err, wantErr error) {
	if kind(err) != kind(wantErr) || !equalSets(got, want) {
		w.diverged(showAll(got), showAll(want), err, wantErr)
	}
	w.read = latest(append(w.read, want...))
}

func (w *walk) answeredRevocations(got, want []storage.Revocation, err, wantErr error) {
	if kind(err) != kind(wantErr) || !equalRevocations(got, want) {
		w.diverged(showRevocations(got), showRevocations(want), err, wantErr)
	}
	w.leased = latest(append(w.leased, got...))
}

func (w *walk) diverged(got, want string, err, wantErr error) {
	for i, line := range latest(w.trace) {
		w.Logf("%d: %s", i, line)
	}
	w.Fatalf("the last of these calls returned %s, %v; want %s, %v", got, err, want, wantErr)
}

// latest returns the end of a list, which is enough for calls with outdated records.
func latest[E any](all []E) []E { return all[max(0, len(all)-24):] }

var errOther = errors.New("an error that is none of the sentinels")

// kind returns the sentinel by which callers recognise an error.
func kind(err error) error {
	for _, sentinel := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrFull, storage.ErrEmptyMatch} {
		if errors.Is(err, sentinel) {
			return sentinel
		}
	}
	if err != nil {
		return errOther
	}
	return nil
}

func one(r storage.Record, err error) []storage.Record {
	if err != nil {
		return nil
	}
	return []storage.Record{r}
}

func oneRevocation(d storage.Revocation, err error) []storage.Revocation {
	if err != nil {
		return nil
	}
	return []storage.Revocation{d}
}

func recordsOf(revocations []storage.Revocation) (records []storage.Record) {
	for _, d := range revocations {
		records = append(records, d.Record)
	}
	return records
}

func (w *walk) id() string      { return fmt.Sprint("id ", w.rand.IntN(8)) }
func (w *walk) subject() string { return []string{"", "alice", "bob", "carol"}[w.rand.IntN(4)] }
func (w *walk) tenant() string  { return []string{"", "", "t", "t1"}[w.rand.IntN(4)] }
func (w *walk) kind() storage.Kind {
	return []storage.Kind{"", "", storage.KindSession}[w.rand.IntN(3)]
}
func (w *walk) sid() string { return []string{"", "s1", "s2", "s3", "s4"}[w.rand.IntN(5)] }

func (w *walk) expiry() time.Time {
	return w.clock.Now().Add(time.Duration(w.rand.IntN(180)-4) * time.Minute)
}

func (w *walk) match() storage.Match {
	m := storage.Match{Tenant: w.tenant(), Kind: w.kind(), Subject: w.subject(), SID: w.sid()}
	if w.rand.IntN(3) == 0 {
		m.Except = w.id()
	}
	if w.rand.IntN(2) == 0 {
		m.SID = ""
	}
	return m
}

// vary changes what a Save may change.
func (w *walk) vary(r storage.Record) storage.Record {
	if w.rand.IntN(2) == 0 {
		r.Subject = w.subject()
	}
	if w.rand.IntN(2) == 0 {
		r.SID = w.sid()
	}
	if w.rand.IntN(2) == 0 {
		r.Expiry = w.expiry()
	}
	r.Data = fmt.Append(nil, "call ", len(w.trace))
	return r
}

func (w *walk) advance() {
	d := time.Duration(w.rand.IntN(20)) * time.Minute
	w.log("the clock moves on by %v", d)
	w.clock.advance(d)
}

func (w *walk) load() {
	id := w.id()
	w.log("Load(%q)", id)
	got, err := w.store.Load(w.ctx, id)
	want, wantErr := w.model.Load(w.ctx, id)
	w.answered(one(got, err), one(want, wantErr), err, wantErr)
}

func (w *walk) create() {
	w.save(w.vary(storage.Record{ID: w.id(), Tenant: w.tenant(), Kind: w.kind(), Subject: w.subject(), SID: w.sid(), Expiry: w.expiry()}))
}

// replace saves a record that was read before and is often outdated.
func (w *walk) replace() {
	if len(w.read) == 0 {
		return
	}
	w.save(w.vary(w.read[w.rand.IntN(len(w.read))]))
}

func (w *walk) save(r storage.Record) {
	w.log("Save(%s)", show(r))
	got, err := w.store.Save(w.ctx, r)
	want, wantErr := w.model.Save(w.ctx, r)
	w.answered(one(got, err), one(want, wantErr), err, wantErr)
}

func (w *walk) delete() {
	id := w.id()
	w.log("Delete(%q)", id)
	got, err := w.store.Delete(w.ctx, id)
	want, wantErr := w.model.Delete(w.ctx, id)
	w.answered(one(got, err), one(want, wantErr), err, wantErr)
}

func (w *walk) deleteMatching() {
	m := w.match()
	w.log("DeleteMatching(%+v)", m)
	got, err := w.store.DeleteMatching(w.ctx, m)
	want, wantErr := w.model.DeleteMatching(w.ctx, m)
	w.answered(got, want, err, wantErr)
}

func (w *walk) list() {
	m := w.match()
	w.log("List(%+v)", m)
	got, err := w.lister.List(w.ctx, m)
	want, wantErr := w.model.List(w.ctx, m)
	w.answered(got, want, err, wantErr)
}

// lease never returns the same value twice, so that every Due is different.
func (w *walk) lease() time.Duration {
	return time.Minute + time.Duration(w.rand.IntN(1_000_000))*time.Millisecond
}

func (w *walk) deleteAndEnqueue() {
	id := w.id()
	if w.enqueued(id) {
		return
	}
	lease := w.lease()
	w.log("DeleteAndEnqueue(%q, %v)", id, lease)
	got, err := w.queue.DeleteAndEnqueue(w.ctx, id, lease)
	want, wantErr := w.model.DeleteAndEnqueue(w.ctx, id, lease)
	w.answeredRevocations(oneRevocation(got, err), oneRevocation(want, wantErr), err, wantErr)
}

func (w *walk) deleteMatchingAndEnqueue() {
	m, lease := w.match(), w.lease()
	found, _ := w.model.List(w.ctx, m)
	if slices.ContainsFunc(found, func(r storage.Record) bool { return w.enqueued(r.ID) }) {
		return
	}
	w.log("DeleteMatchingAndEnqueue(%+v, %v)", m, lease)
	got, err := w.queue.DeleteMatchingAndEnqueue(w.ctx, m, lease)
	want, wantErr := w.model.DeleteMatchingAndEnqueue(w.ctx, m, lease)
	w.answeredRevocations(got, want, err, wantErr)
}

// enqueued reports whether an ID must not become a revocation again: real IDs are used
// for only one record.
func (w *walk) enqueued(id string) bool {
	_, ok := w.model.revocations[id]
	return ok
}

func (w *walk) enqueue() {
	r, lease := w.vary(storage.Record{ID: w.id(), Tenant: w.tenant(), Kind: w.kind(), Expiry: w.expiry()}), w.lease()
	w.log("Enqueue(%s, %v)", show(r), lease)
	got, err := w.queue.Enqueue(w.ctx, r, lease)
	want, wantErr := w.model.Enqueue(w.ctx, r, lease)
	w.answeredRevocations(oneRevocation(got, err), oneRevocation(want, wantErr), err, wantErr)
}

func (w *walk) claim() {
	tenant, n, lease := w.tenant(), 1+w.rand.IntN(3), w.lease()
	w.log("Claim(%q, %d, %v)", tenant, n, lease)
	got, err := w.queue.Claim(w.ctx, tenant, n, lease)
	want, wantErr := w.model.claimLike(w.ctx, tenant, n, lease, got)
	w.answeredRevocations(got, want, err, wantErr)
}

func (w *walk) retry() {
	if len(w.leased) == 0 {
		return
	}
	d, due := w.leased[w.rand.IntN(len(w.leased))], w.clock.Now().Add(w.lease())
	w.log("Retry(%s, %v)", showRevocations([]storage.Revocation{d}), due)
	err := w.queue.Retry(w.ctx, d, due)
	wantErr := w.model.Retry(w.ctx, d, due)
	w.answered(nil, nil, err, wantErr)
}

func (w *walk) complete() {
	if len(w.leased) == 0 {
		return
	}
	d := w.leased[w.rand.IntN(len(w.leased))]
	w.log("Complete(%s)", showRevocations([]storage.Revocation{d}))
	err := w.queue.Complete(w.ctx, d)
	wantErr := w.model.Complete(w.ctx, d)
	w.answered(nil, nil, err, wantErr)
}
