package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/storage"
)

var contextChecks = []check{
	{"a cancelled context has no effect", cancelledBefore},
	{"a passed deadline has no effect", deadlineBefore},
	{"a context cancelled meanwhile leaves nothing half done", cancelledMeanwhile},
	{"a context cancelled meanwhile gives no wrong answer", cancelledAnswers},
}

func cancelledBefore(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	noEffect(f, ctx, context.Canceled)
}

func deadlineBefore(f *fixture) {
	ctx, cancel := context.WithDeadline(f.ctx, time.Now().Add(-time.Second))
	defer cancel()
	noEffect(f, ctx, context.DeadlineExceeded)
}

// noEffect calls every method with ctx, which is done.
func noEffect(f *fixture, ctx context.Context, want error) {
	stored := f.save(f.record("stored"))
	changed := stored
	changed.Subject, changed.Data = "another subject", []byte("other data")
	match := storage.Match{Subject: stored.Subject}

	calls := map[string]func() error{
		"Load":           func() error { _, err := f.store.Load(ctx, "stored"); return err },
		"creating Save":  func() error { _, err := f.store.Save(ctx, f.record("new")); return err },
		"replacing Save": func() error { _, err := f.store.Save(ctx, changed); return err },
		"Delete":         func() error { _, err := f.store.Delete(ctx, "stored"); return err },
		"DeleteMatching": func() error { _, err := f.store.DeleteMatching(ctx, match); return err },
	}
	if lister, ok := f.store.(storage.Lister); ok {
		calls["List"] = func() error { _, err := lister.List(ctx, match); return err }
	}
	if notifier, ok := f.store.(storage.Notifier); ok {
		calls["Notify"] = func() error { return notifier.Notify(ctx, "stored") }
		calls["Listen"] = func() error { return notifier.Listen(ctx, nil, func(string) {}) }
	}
	for name, call := range calls {
		f.noAnswer(call(), want, name+" with a context that is done")
	}
	f.present(stored)
	f.absent("new")
	f.removeMatching(storage.Match{Subject: "another subject"})
	f.removeMatching(match, stored)

	if queue, ok := f.store.(storage.RevocationQueue); ok {
		noEffectOnQueue(f, queue, ctx, want)
	}
}

func noEffectOnQueue(f *fixture, queue storage.RevocationQueue, ctx context.Context, want error) {
	stored := f.save(f.record("pending"))
	enqueued, err := queue.Enqueue(f.ctx, f.record("revocation"), time.Minute)
	if err != nil {
		f.Fatalf("Enqueue: %v", err)
	}
	f.clock.advance(time.Minute)
	calls := map[string]func() error{
		"DeleteAndEnqueue": func() error { _, err := queue.DeleteAndEnqueue(ctx, "pending", time.Minute); return err },
		"DeleteMatchingAndEnqueue": func() error {
			_, err := queue.DeleteMatchingAndEnqueue(ctx, storage.Match{SID: stored.SID}, time.Minute)
			return err
		},
		"Enqueue":  func() error { _, err := queue.Enqueue(ctx, f.record("other revocation"), time.Minute); return err },
		"Claim":    func() error { _, err := queue.Claim(ctx, "", 10, time.Minute); return err },
		"Retry":    func() error { return queue.Retry(ctx, enqueued, f.clock.Now().Add(time.Hour)) },
		"Complete": func() error { return queue.Complete(ctx, enqueued) },
	}
	if counter, ok := f.store.(storage.RevocationCounter); ok {
		calls["CountRevocations"] = func() error { _, err := counter.CountRevocations(ctx, ""); return err }
	}
	for name, call := range calls {
		f.noAnswer(call(), want, name+" with a context that is done")
	}
	f.present(stored)
	f.claims(10, time.Minute, enqueued)
}

// cancelledMeanwhile cancels a Save while it runs. Whether it had an effect is unknown
// even some time later, since a server may still be executing it. So the check looks at
// what a Delete then gets, after which nothing may change.
func cancelledMeanwhile(f *fixture) {
	for i := range upTo(100) {
		before := f.save(f.record(fmt.Sprint("record ", i)))
		after := before
		after.Subject, after.SID, after.Data = "new "+before.Subject, "new "+before.SID, sequence(5000)
		f.saveAndCancel(after, time.Duration(i)*20*time.Microsecond)
		after.Revision++

		got, err := f.store.Delete(f.ctx, before.ID)
		if err != nil {
			f.Fatalf("Delete after a Save that was cancelled: %v", err)
		}
		if !equal(got, before) && !equal(got, after) {
			f.Fatalf("a Save that was cancelled left %s; want %s or %s", show(got), show(before), show(after))
		}
		for _, r := range []storage.Record{before, after} {
			f.removeMatching(storage.Match{Subject: r.Subject})
			f.removeMatching(storage.Match{SID: r.SID})
		}
		f.absent(before.ID)
	}
}

// cancelledAnswers cancels calls at moments spread over the time that they take. What
// comes back must be an error of the context, or the whole answer: half a list that ends
// without an error loses sessions, and ErrNotFound signs a user out.
func cancelledAnswers(f *fixture) {
	var alices []storage.Record
	for i := range 40 {
		alices = append(alices, f.owned(fmt.Sprint("record ", i), "alice", "s1"))
	}
	f.cancelled("Load", func() func(context.Context) error {
		return func(ctx context.Context) error {
			r, err := f.store.Load(ctx, alices[0].ID)
			if err == nil {
				f.same(r, alices[0], "Load whose context is cancelled meanwhile")
			}
			return err
		}
	})
	if lister, ok := f.store.(storage.Lister); ok {
		f.cancelled("List", func() func(context.Context) error {
			return func(ctx context.Context) error {
				listed, err := lister.List(ctx, storage.Match{Subject: "alice"})
				if err == nil {
					f.sameSet(listed, alices, "List whose context is cancelled meanwhile")
				}
				return err
			}
		})
	}
	users := 0
	f.cancelled("DeleteMatching", func() func(context.Context) error {
		users++ // a user of its own for each call: one that was cancelled may still run
		subject := fmt.Sprint("user ", users)
		var theirs []storage.Record
		for i := range 8 {
			theirs = append(theirs, f.owned(fmt.Sprint("record ", i, " of ", subject), subject, ""))
		}
		return func(ctx context.Context) error {
			removed, err := f.store.DeleteMatching(ctx, storage.Match{Subject: subject})
			if err == nil {
				f.sameSet(removed, theirs, "DeleteMatching whose context is cancelled meanwhile")
			}
			return err
		}
	})
	if queue, ok := f.store.(storage.RevocationQueue); ok {
		f.enqueues(f.record("revocation"))
		f.cancelled("Claim", func() func(context.Context) error {
			f.clock.advance(lease)
			return func(ctx context.Context) error {
				_, err := queue.Claim(ctx, "", 1, lease)
				return err
			}
		})
	}
}

// cancelled makes calls with contexts that are cancelled each a little later than the
// last, until the call is over first. prepare returns the next call.
func (f *fixture) cancelled(name string, prepare func() (call func(context.Context) error)) {
	f.Helper()
	call := prepare()
	start := time.Now()
	if err := call(f.ctx); err != nil {
		f.Fatalf("%s: %v", name, err)
	}
	const moments = 40
	step := min(time.Since(start), 100*time.Millisecond) / moments
	for i := range upTo(moments) {
		call := prepare()
		ctx, cancel := context.WithCancel(f.ctx)
		timer := time.AfterFunc(time.Duration(i)*step, cancel)
		f.noWrongAnswer(call(ctx), name)
		timer.Stop()
		cancel()
	}
	for look := range 6 {
		call := prepare()
		ctx := cancelAtLook(f.ctx, look)
		f.noWrongAnswer(call(ctx), name)
		ctx.cancel()
	}
}

func (f *fixture) noWrongAnswer(err error, name string) {
	f.Helper()
	if err != nil && !errors.Is(err, storage.ErrNotReplicated) {
		f.noAnswer(err, context.Canceled, name+" whose context is cancelled meanwhile")
	}
}

func (f *fixture) saveAndCancel(r storage.Record, after time.Duration) {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	timer := time.AfterFunc(after, cancel)
	defer timer.Stop()
	_, err := f.store.Save(ctx, r)
	if !mayAnswerACancelled(err) {
		f.Errorf("Save whose context is cancelled meanwhile: %v; want nil, context.Canceled or storage.ErrNotReplicated", err)
	}
}

// mayAnswerACancelled reports whether a write may answer so whose context is cancelled
// while it runs. It may have been carried out, with nobody left to wait for replicas.
func mayAnswerACancelled(err error) bool {
	return err == nil || errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrNotReplicated)
}

// lookedAt is a context that is cancelled when somebody looks at it for the n-th time.
type lookedAt struct {
	context.Context
	cancel context.CancelFunc
	looks  atomic.Int64
}

// cancelAtLook returns a context that is done from one look at its Err on, after so many
// at which it is not.
func cancelAtLook(parent context.Context, after int) *lookedAt {
	ctx, cancel := context.WithCancel(parent)
	c := &lookedAt{Context: ctx, cancel: cancel}
	c.looks.Store(int64(after))
	return c
}

func (c *lookedAt) Err() error {
	if c.looks.Add(-1) < 0 {
		c.cancel()
	}
	return c.Context.Err()
}
