package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport/storage"
)

// tester is the part of testing.T that the checks use. The suite's own tests replace it,
// to see that a broken store is detected.
type tester interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// fixture is an empty store, its clock, and helpers for the checks.
type fixture struct {
	tester
	ctx   context.Context
	clock *clock
	store storage.TokenStore

	// stores are all stores that share the backend: store, and maybe more.
	stores []storage.TokenStore

	// patience is how long to wait for something that should happen. Only a broken
	// store makes the suite wait that long.
	patience time.Duration
}

func newFixture(t tester, clock *clock, stores ...storage.TokenStore) *fixture {
	return &fixture{tester: t, ctx: t.Context(), clock: clock, store: stores[0], stores: stores, patience: patience}
}

const patience = 10 * time.Second

// lifetime is how long the records of the checks live. It is so long that a server's own
// clock does not interfere.
const lifetime = time.Hour

// record returns a record to create, with its own subject and sid.
func (f *fixture) record(id string) storage.Record {
	return storage.Record{
		ID:      id,
		Subject: "subject of " + id,
		SID:     "sid of " + id,
		Expiry:  f.clock.Now().Add(lifetime),
		Data:    []byte("data of " + id),
	}
}

// save saves r, which must succeed, and returns the stored record.
func (f *fixture) save(r storage.Record) storage.Record {
	f.Helper()
	saved, err := f.store.Save(f.ctx, r)
	if err != nil {
		f.Fatalf("Save(%s): %v", show(r), err)
	}
	want := r
	want.Revision++
	f.same(saved, want, "Save")
	return saved
}

// saveFails checks that saving r fails with an error.
func (f *fixture) saveFails(r storage.Record, want error) {
	f.Helper()
	_, err := f.store.Save(f.ctx, r)
	f.failed(err, want, "Save("+show(r)+")")
}

// present checks that Load returns r.
func (f *fixture) present(r storage.Record) {
	f.Helper()
	got, err := f.store.Load(f.ctx, r.ID)
	if err != nil {
		f.Fatalf("Load(%q): %v; want %s", r.ID, err, show(r))
	}
	f.same(got, r, "Load")
}

// absent checks that Load finds nothing under id.
func (f *fixture) absent(id string) {
	f.Helper()
	got, err := f.store.Load(f.ctx, id)
	if err == nil {
		f.Fatalf("Load(%q) returned %s; want the error %q", id, show(got), storage.ErrNotFound)
	}
	f.failed(err, storage.ErrNotFound, fmt.Sprintf("Load(%q)", id))
}

// expired checks that Load finds nothing under id, where a record has been that has
// expired since.
func (f *fixture) expired(id string) {
	f.Helper()
	if got, err := f.store.Load(f.ctx, id); err == nil {
		f.Fatalf("Load(%q) returned %s, which has expired: by the clock that open was given it is %s",
			id, show(got), f.clock.Now().UTC().Format(time.RFC3339Nano))
	}
	f.absent(id)
}

// remove deletes r, which must be stored exactly so.
func (f *fixture) remove(r storage.Record) {
	f.Helper()
	got, err := f.store.Delete(f.ctx, r.ID)
	if err != nil {
		f.Fatalf("Delete(%q): %v", r.ID, err)
	}
	f.same(got, r, "Delete")
}

// removeMatching checks that DeleteMatching returns exactly those records.
func (f *fixture) removeMatching(m storage.Match, want ...storage.Record) {
	f.Helper()
	got, err := f.store.DeleteMatching(f.ctx, m)
	if err != nil {
		f.Fatalf("DeleteMatching(%+v): %v", m, err)
	}
	f.sameSet(got, want, fmt.Sprintf("DeleteMatching(%+v)", m))
}

func (f *fixture) failed(err, want error, doing string) {
	f.Helper()
	if err == nil {
		f.Fatalf("%s succeeded; want the error %q", doing, want)
	}
	if !errors.Is(err, want) {
		f.Fatalf("%s: %v; want the error %q", doing, err, want)
	}
}

// noAnswer checks that a call failed with an error, and that callers do not take it for
// one of those that they act on.
func (f *fixture) noAnswer(err, want error, doing string) {
	f.Helper()
	f.failed(err, want, doing)
	if answer := kind(err); answer != errOther {
		f.Fatalf("%s: %v; want an error that is not %q too, because callers act on that", doing, err, answer)
	}
}

func (f *fixture) same(got, want storage.Record, doing string) {
	f.Helper()
	if !equal(got, want) {
		f.Fatalf("%s returned %s; want %s", doing, show(got), show(want))
	}
}

func (f *fixture) sameSet(got, want []storage.Record, doing string) {
	f.Helper()
	if !equalSets(got, want) {
		f.Fatalf("%s returned %s; want %s", doing, showAll(got), showAll(want))
	}
}

func equal(a, b storage.Record) bool {
	return a.ID == b.ID && a.Tenant == b.Tenant && a.Kind == b.Kind && a.Subject == b.Subject && a.SID == b.SID && a.Revision == b.Revision &&
		sameTime(a.Expiry, b.Expiry) && bytes.Equal(a.Data, b.Data)
}

// sameTime compares times with the precision that every store has.
func sameTime(a, b time.Time) bool { return a.UnixMilli() == b.UnixMilli() }

func equalSets(a, b []storage.Record) bool {
	return slices.EqualFunc(sorted(a), sorted(b), equal)
}

func sorted(records []storage.Record) []storage.Record {
	return slices.SortedFunc(slices.Values(records), func(a, b storage.Record) int { return strings.Compare(a.ID, b.ID) })
}

func show(r storage.Record) string {
	return fmt.Sprintf("{ID:%s Tenant:%s Kind:%s Subject:%s SID:%s Revision:%d Expiry:%s Data:%s}", brief(r.ID), brief(r.Tenant), brief(string(r.Kind)), brief(r.Subject), brief(r.SID),
		r.Revision, r.Expiry.UTC().Format(time.RFC3339Nano), brief(string(r.Data)))
}

func showAll(records []storage.Record) string {
	shown := make([]string, 0, len(records))
	for _, r := range sorted(records) {
		shown = append(shown, show(r))
	}
	return "[" + strings.Join(shown, " ") + "]"
}

func brief(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q... (%d bytes)", s[:60], len(s))
	}
	return fmt.Sprintf("%q", s)
}
