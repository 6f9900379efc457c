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

// random returns a source of randomness that the seed in the log repeats.
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

// walk makes the same random calls of a store and of the reference.
type walk struct {
	*fixture
	rand   *rand.Rand
	model  *reference
	ledger storage.RevocationQueue // nil if the store has none
	lister storage.Lister          // nil if the store is none
	read   []storage.Record
	held   []storage.Revocation
	trace  []string // of all calls
}

func randomCalls(f *fixture) {
	w := &walk{fixture: f, rand: f.random(), model: newReference(f.clock.Now)}
	w.ledger, _ = f.store.(storage.RevocationQueue)
	w.lister, _ = f.store.(storage.Lister)
	for range rounds(2500) {
		w.step()
	}
}

// step makes one call. What it works on is drawn from so few names that calls
// meet often.
func (w *walk) step() {
	calls := []func(){
		w.create, w.create, w.create, w.replace, w.replace, w.replace, w.load, w.load,
		w.delete, w.deleteMatching, w.advance,
	}
	if w.lister != nil {
		calls = append(calls, w.list)
	}
	if w.ledger != nil {
		calls = append(calls, w.deleteOwing, w.deleteMatchingOwing, w.owe, w.claim, w.claim, w.postpone, w.settle)
	}
	w.pick(calls)()
}

func (w *walk) pick(calls []func()) func() { return calls[w.rand.IntN(len(calls))] }

func (w *walk) log(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

// answered compares two answers, and keeps the records for later calls.
func (w *walk) answered(got, want []storage.Record, err, wantErr error) {
	if kind(err) != kind(wantErr) || !equalSets(got, want) {
		w.diverged(showAll(got), showAll(want), err, wantErr)
	}
	w.read = latest(append(w.read, want...))
}

func (w *walk) answeredDebts(got, want []storage.Revocation, err, wantErr error) {
	if kind(err) != kind(wantErr) || !equalDebts(got, want) {
		w.diverged(showDebts(got), showDebts(want), err, wantErr)
	}
	w.held = latest(append(w.held, got...))
}

func (w *walk) diverged(got, want string, err, wantErr error) {
	for i, line := range latest(w.trace) {
		w.Logf("%d: %s", i, line)
	}
	w.Fatalf("the last of these calls returned %s, %v; want %s, %v", got, err, want, wantErr)
}

// latest keeps the end of a list: enough for calls with what is out of date.
func latest[E any](all []E) []E { return all[max(0, len(all)-24):] }

var errOther = errors.New("an error that is none of the sentinels")

// kind is what callers tell errors apart by.
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

func oneDebt(d storage.Revocation, err error) []storage.Revocation {
	if err != nil {
		return nil
	}
	return []storage.Revocation{d}
}

func recordsOf(debts []storage.Revocation) (records []storage.Record) {
	for _, d := range debts {
		records = append(records, d.Record)
	}
	return records
}

func (w *walk) id() string      { return fmt.Sprint("id ", w.rand.IntN(8)) }
func (w *walk) subject() string { return []string{"", "alice", "bob", "carol"}[w.rand.IntN(4)] }
func (w *walk) sid() string     { return []string{"", "s1", "s2", "s3", "s4"}[w.rand.IntN(5)] }

func (w *walk) expiry() time.Time {
	return w.clock.Now().Add(time.Duration(w.rand.IntN(180)-4) * time.Minute)
}

func (w *walk) match() storage.Match {
	m := storage.Match{Subject: w.subject(), SID: w.sid()}
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
	w.save(w.vary(storage.Record{ID: w.id(), Subject: w.subject(), SID: w.sid(), Expiry: w.expiry()}))
}

// replace saves something read before, often out of date by now.
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

// hold is never twice the same, so that neither is a Due.
func (w *walk) hold() time.Duration {
	return time.Minute + time.Duration(w.rand.IntN(1_000_000))*time.Millisecond
}

func (w *walk) deleteOwing() {
	id := w.id()
	if w.indebted(id) {
		return
	}
	hold := w.hold()
	w.log("DeleteAndEnqueue(%q, %v)", id, hold)
	got, err := w.ledger.DeleteAndEnqueue(w.ctx, id, hold)
	want, wantErr := w.model.DeleteAndEnqueue(w.ctx, id, hold)
	w.answeredDebts(oneDebt(got, err), oneDebt(want, wantErr), err, wantErr)
}

func (w *walk) deleteMatchingOwing() {
	m, hold := w.match(), w.hold()
	found, _ := w.model.List(w.ctx, m)
	if slices.ContainsFunc(found, func(r storage.Record) bool { return w.indebted(r.ID) }) {
		return
	}
	w.log("DeleteMatchingAndEnqueue(%+v, %v)", m, hold)
	got, err := w.ledger.DeleteMatchingAndEnqueue(w.ctx, m, hold)
	want, wantErr := w.model.DeleteMatchingAndEnqueue(w.ctx, m, hold)
	w.answeredDebts(got, want, err, wantErr)
}

// indebted tells of IDs that may not become a debt once more: real IDs are used
// for one record only.
func (w *walk) indebted(id string) bool {
	_, ok := w.model.debts[id]
	return ok
}

func (w *walk) owe() {
	r, hold := w.vary(storage.Record{ID: w.id(), Expiry: w.expiry()}), w.hold()
	w.log("Enqueue(%s, %v)", show(r), hold)
	got, err := w.ledger.Enqueue(w.ctx, r, hold)
	want, wantErr := w.model.Enqueue(w.ctx, r, hold)
	w.answeredDebts(oneDebt(got, err), oneDebt(want, wantErr), err, wantErr)
}

func (w *walk) claim() {
	n, hold := 1+w.rand.IntN(3), w.hold()
	w.log("Claim(%d, %v)", n, hold)
	got, err := w.ledger.Claim(w.ctx, n, hold)
	want, wantErr := w.model.claimLike(w.ctx, n, hold, got)
	w.answeredDebts(got, want, err, wantErr)
}

func (w *walk) postpone() {
	if len(w.held) == 0 {
		return
	}
	d, due := w.held[w.rand.IntN(len(w.held))], w.clock.Now().Add(w.hold())
	w.log("Retry(%s, %v)", showDebts([]storage.Revocation{d}), due)
	err := w.ledger.Retry(w.ctx, d, due)
	wantErr := w.model.Retry(w.ctx, d, due)
	w.answered(nil, nil, err, wantErr)
}

func (w *walk) settle() {
	if len(w.held) == 0 {
		return
	}
	d := w.held[w.rand.IntN(len(w.held))]
	w.log("Complete(%s)", showDebts([]storage.Revocation{d}))
	err := w.ledger.Complete(w.ctx, d)
	wantErr := w.model.Complete(w.ctx, d)
	w.answered(nil, nil, err, wantErr)
}
