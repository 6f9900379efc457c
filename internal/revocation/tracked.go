package revocation

import (
	"time"

	"github.com/passport-go/passport/storage"
)

// maxTracked bounds how many revocations are tracked that are safe in a durable
// queue. The rest is worked off too, but not remembered: the loop claims it again.
const maxTracked = 10_000

type trackedRevocation struct {
	revocation *storage.Revocation // not to be changed; maybe that of a job
	unqueued   bool                // in no queue
	jobs       int                 // for it: those under way, and those that were added since it is tracked
}

// Unrevoked counts the revocations that end with this process.
func (w *Worker) Unrevoked() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tracked {
		if t.unqueued || w.c.Volatile {
			n++
		}
	}
	if !w.c.Volatile {
		return n
	}
	waiting := map[string]bool{} // one may have a job for each of its leases
	for _, j := range w.jobs.waiting() {
		id := j.revocation.Record.ID
		if _, tracked := w.tracked[id]; !tracked {
			waiting[id] = true
		}
	}
	return n + len(waiting)
}

// WithUnqueued is a count of the queue, and of the revocations that are in no queue.
func (w *Worker) WithUnqueued(n storage.RevocationCount) storage.RevocationCount {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unqueuedCount == 0 {
		return n
	}
	for _, t := range w.tracked {
		if !t.unqueued {
			continue
		}
		n.Pending++
		if since := t.revocation.Since; n.Oldest.IsZero() || since.Before(n.Oldest) {
			n.Oldest = since
		}
	}
	return n
}

// dueUnqueued leases the due revocations that are in no queue.
func (w *Worker) dueUnqueued(now time.Time) (due []storage.Revocation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unqueuedCount == 0 {
		return nil // there may be very many others
	}
	for id, t := range w.tracked {
		if t.unqueued && t.jobs == 0 && !t.revocation.Due.After(now) {
			leased := *t.revocation
			leased.Due = now.Add(Lease)
			t.revocation = &leased
			w.tracked[id] = t
			due = append(due, leased)
		}
	}
	return due
}

// dropClaimedElsewhere forgets the revocations that were due when the queue was
// asked and that it did not return: another Passport with the same store has claimed
// or completed them.
func (w *Worker) dropClaimedElsewhere(asked time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, t := range w.tracked {
		if !t.unqueued && t.jobs == 0 && !t.revocation.Due.After(asked) {
			delete(w.tracked, id)
		}
	}
}

func (w *Worker) track(r storage.Revocation, unqueued bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, known := w.tracked[r.Record.ID]
	if known || unqueued || w.mayTrackMore() {
		if unqueued && !t.unqueued {
			w.unqueuedCount++
		}
		t.revocation, t.unqueued = &r, unqueued || t.unqueued
		w.tracked[r.Record.ID] = t
	}
}

func (w *Worker) hasRoom() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mayTrackMore()
}

// mayTrackMore is for the holder of mu.
func (w *Worker) mayTrackMore() bool { return w.c.Volatile || len(w.tracked) < maxTracked }

// forget drops a revocation that is done, or that another has claimed; unless this
// process has claimed it anew since.
func (w *Worker) forget(r storage.Revocation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, tracked := w.tracked[r.Record.ID]
	if !tracked || !t.revocation.Due.Equal(r.Due) {
		return
	}
	delete(w.tracked, r.Record.ID)
	if t.unqueued {
		w.unqueuedCount--
	}
}

func (w *Worker) isUnqueued(r storage.Revocation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tracked[r.Record.ID].unqueued
}
