package storagetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/storage"
)

// queueConcurrentChecks run on one store, and on two that share a backend.
var queueConcurrentChecks = []check{
	{"a revocation is claimed by one caller", oneClaimant},
	{"of many that enqueue one record one wins", oneEnqueuer},
	{"a revocation is there once the record is not", enqueuedBeforeGone},
	{"every revocation is completed once", completedOnce},
	{"a revocation is completed or claimed anew, not both", resolvedOrClaimed},
	{"a lease is good once", oneResolver},
}

func oneClaimant(f *fixture) {
	const revocations = 40
	for range upTo(10) {
		parallel(revocations, func(i int) {
			if _, err := f.at(i).(storage.RevocationQueue).Enqueue(f.ctx, f.record(fmt.Sprint("revocation ", i)), lease); err != nil {
				f.Errorf("Enqueue: %v", err)
			}
		})
		f.clock.advance(lease)
		var claims [revocations]atomic.Int64
		parallel(8, func(i int) {
			queue := f.at(i).(storage.RevocationQueue)
			for {
				got, err := queue.Claim(f.ctx, "", 1+i%4, lease)
				if err != nil {
					f.Errorf("Claim: %v", err)
				}
				if len(got) == 0 {
					return
				}
				for _, d := range got {
					var n int
					fmt.Sscanf(d.Record.ID, "revocation %d", &n)
					if claims[n].Add(1) > 1 {
						return
					}
				}
			}
		})
		for i := range claims {
			if n := claims[i].Load(); n > 1 {
				f.Fatalf("a revocation was claimed %d times at once; want once", n)
			}
		}
		for i := range claims {
			if claims[i].Load() == 0 {
				f.Fatalf("a revocation was not claimed, although Claim was called until it returned none")
			}
		}
		f.revocationsAre(revocations)
	}
}

func oneEnqueuer(f *fixture) {
	for round := range rounds(20) {
		var o outcome
		parallel(8, func(i int) {
			_, err := f.at(i).(storage.RevocationQueue).Enqueue(f.ctx, f.record(fmt.Sprint("revocation ", round)), lease)
			o.count(f, err, storage.ErrConflict, "Enqueue")
		})
		o.want(f, 1, "Enqueue")
	}
	f.revocationsAre(rounds(20))
}

// enqueuedBeforeGone looks for a moment at which a crash would lose the revocation,
// because the record is gone and nothing is enqueued yet.
func enqueuedBeforeGone(f *fixture) {
	enqueued := 0
	for round := range atLeast(60) {
		enqueued++
		r := f.save(f.record(fmt.Sprint("record ", round)))
		var deleted atomic.Bool
		parallel(2, func(i int) {
			queue := f.at(i).(storage.RevocationQueue)
			if i == round%2 {
				defer deleted.Store(true)
				var err error
				if round%4 < 2 {
					_, err = queue.DeleteAndEnqueue(f.ctx, r.ID, lease)
				} else {
					_, err = queue.DeleteMatchingAndEnqueue(f.ctx, storage.Match{SID: r.SID}, lease)
				}
				if err != nil {
					f.Errorf("delete: %v", err)
				}
				return
			}
			for {
				last := deleted.Load()
				if _, err := f.at(i).Load(f.ctx, r.ID); err != nil {
					break
				}
				if last {
					f.Errorf("the record is there after it has been deleted")
					return
				}
			}
			if _, err := queue.Enqueue(f.ctx, r, lease); !errors.Is(err, storage.ErrConflict) {
				f.Errorf("the record was gone before the revocation was there: Enqueue: %v; want %q", err, storage.ErrConflict)
			}
		})
	}
	f.revocationsAre(enqueued)
}

// completedOnce runs workers that claim, sometimes lose their lease, retry and complete,
// while the clock advances.
func completedOnce(f *fixture) {
	const revocations, workers = 60, 6
	for i := range revocations {
		f.enqueues(f.record(fmt.Sprint("revocation ", i)))
	}
	f.clock.advance(lease)
	var completed atomic.Int64
	parallel(workers, func(i int) {
		queue := f.at(i).(storage.RevocationQueue)
		for n := 0; completed.Load() < revocations && n < 10_000; n++ {
			got, err := queue.Claim(f.ctx, "", 3, lease)
			if err != nil {
				f.Errorf("Claim: %v", err)
				return
			}
			for j, d := range got {
				f.finish(queue, d, i+j+n, &completed)
			}
			// Only one worker moves the clock: if callers take strict turns, six would
			// make every lease expire before it is used.
			if len(got) == 0 && i == n%workers {
				f.clock.advance(lease / 2)
			}
		}
	})
	if completed.Load() != revocations {
		f.Errorf("%d of %d revocations were completed", completed.Load(), revocations)
	}
	f.revocationsAre(0)
}

func (f *fixture) finish(queue storage.RevocationQueue, d storage.Revocation, way int, completed *atomic.Int64) {
	var err error
	switch way % 3 {
	case 0:
		if err = queue.Complete(f.ctx, d); err == nil {
			completed.Add(1)
		}
	case 1:
		err = queue.Retry(f.ctx, d, f.clock.Now().Add(time.Second))
	case 2: // forgotten, as by a worker that crashed
	}
	if err != nil && !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound) {
		f.Errorf("Complete or Retry: %v", err)
	}
}

// resolvedOrClaimed completes or retries a revocation whose lease has ended, while
// another caller claims it. One of the two succeeds.
func resolvedOrClaimed(f *fixture) {
	for round := range atLeast(60) {
		lost := f.enqueues(f.record(fmt.Sprint("revocation ", round)))
		f.clock.advance(lease)
		later := f.clock.Now().Add(time.Hour)
		var claimed []storage.Revocation
		var err, backErr error
		parallel(2, func(i int) {
			switch queue := f.at(i).(storage.RevocationQueue); {
			case i == round%2:
				claimed, err = queue.Claim(f.ctx, "", 1, lease)
			case round%4 < 2:
				backErr = queue.Complete(f.ctx, lost)
			default:
				backErr = queue.Retry(f.ctx, lost, later)
			}
		})
		if err != nil || backErr != nil && !errors.Is(backErr, storage.ErrConflict) {
			f.Fatalf("Claim: %v; Complete or Retry: %v; want nil and at most %q", err, backErr, storage.ErrConflict)
		}
		if back := backErr == nil; back == (len(claimed) > 0) {
			f.Fatalf("a revocation was completed or retried: %v, and claimed %d times; want one or the other", back, len(claimed))
		}
		switch {
		case len(claimed) > 0:
			lost = claimed[0]
		case round%4 < 2:
			continue
		default:
			lost.Due = later
		}
		if err := f.queue().Complete(f.ctx, lost); err != nil {
			f.Fatalf("Complete by the one who has the revocation: %v", err)
		}
	}
	f.revocationsAre(0)
}

// oneResolver completes and retries a revocation several times at once, with one lease.
func oneResolver(f *fixture) {
	for round := range atLeast(40) {
		d := f.enqueues(f.record(fmt.Sprint("revocation ", round)))
		due := f.clock.Now().Add(time.Hour)
		var retried, completed atomic.Int64
		parallel(6, func(i int) {
			queue := f.at(i).(storage.RevocationQueue)
			done, resolve := &retried, func() error { return queue.Retry(f.ctx, d, due) }
			if round%2 == 0 && i%2 == 0 {
				done, resolve = &completed, func() error { return queue.Complete(f.ctx, d) }
			}
			switch err := resolve(); {
			case err == nil:
				done.Add(1)
			case !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound):
				f.Errorf("Complete or Retry: %v", err)
			}
		})
		if retried.Load()+completed.Load() != 1 {
			f.Fatalf("with one lease, a revocation was completed %d times and retried %d times; want one of them, once", completed.Load(), retried.Load())
		}
		if completed.Load() == 1 {
			continue
		}
		d.Attempts, d.Due = 1, due
		if err := f.queue().Complete(f.ctx, d); err != nil {
			f.Fatalf("Complete after Retry, with the Due that it was given: %v", err)
		}
	}
	f.revocationsAre(0)
}
