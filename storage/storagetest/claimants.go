package storagetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/storage"
)

// ledgerConcurrentChecks run on one store, and on two that share a backend.
var ledgerConcurrentChecks = []check{
	{"a debt is handed to one claimant", oneClaimant},
	{"of many that owe one wins", oneDebtor},
	{"a debt is there once the record is not", debtBeforeGone},
	{"every debt is settled once", settledOnce},
	{"a debt is handed back or handed out, not both", backOrOut},
}

func oneClaimant(f *fixture) {
	const debts = 40
	for range rounds(10) {
		parallel(debts, func(i int) {
			if _, err := f.at(i).(storage.RevocationQueue).Enqueue(f.ctx, f.record(fmt.Sprint("debt ", i)), hold); err != nil {
				f.Errorf("Enqueue: %v", err)
			}
		})
		f.clock.advance(hold)
		var handed [debts]atomic.Int64
		parallel(8, func(i int) {
			ledger := f.at(i).(storage.RevocationQueue)
			for {
				got, err := ledger.Claim(f.ctx, 1+i%4, hold)
				if err != nil {
					f.Errorf("Claim: %v", err)
				}
				if len(got) == 0 {
					return
				}
				for _, d := range got {
					var n int
					fmt.Sscanf(d.Record.ID, "debt %d", &n)
					if handed[n].Add(1) > 1 {
						return
					}
				}
			}
		})
		for i := range handed {
			if n := handed[i].Load(); n != 1 {
				f.Fatalf("a debt was handed out %d times at once; want once", n)
			}
		}
		f.debtsAre(debts)
	}
}

func oneDebtor(f *fixture) {
	for round := range rounds(20) {
		var o outcome
		parallel(8, func(i int) {
			_, err := f.at(i).(storage.RevocationQueue).Enqueue(f.ctx, f.record(fmt.Sprint("debt ", round)), hold)
			o.count(f, err, storage.ErrConflict, "Enqueue")
		})
		o.want(f, 1, "Enqueue")
	}
	f.debtsAre(rounds(20))
}

// debtBeforeGone looks for a moment at which a crash would lose the debt: one
// at which the record is gone, and nothing is owed.
func debtBeforeGone(f *fixture) {
	owed := 0
	for round := range atLeast(60) {
		owed++
		r := f.save(f.record(fmt.Sprint("record ", round)))
		var deleted atomic.Bool
		parallel(2, func(i int) {
			ledger := f.at(i).(storage.RevocationQueue)
			if i == round%2 {
				defer deleted.Store(true)
				var err error
				if round%4 < 2 {
					_, err = ledger.DeleteAndEnqueue(f.ctx, r.ID, hold)
				} else {
					_, err = ledger.DeleteMatchingAndEnqueue(f.ctx, storage.Match{SID: r.SID}, hold)
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
			if _, err := ledger.Enqueue(f.ctx, r, hold); !errors.Is(err, storage.ErrConflict) {
				f.Errorf("the record was gone before the debt was there: Enqueue: %v; want %q", err, storage.ErrConflict)
			}
		})
	}
	f.debtsAre(owed)
}

// settledOnce has workers that claim, lose their hold at times, postpone and
// settle, while the clock moves on.
func settledOnce(f *fixture) {
	const debts, workers = 60, 6
	for i := range debts {
		f.owes(f.record(fmt.Sprint("debt ", i)))
	}
	f.clock.advance(hold)
	var settled atomic.Int64
	parallel(workers, func(i int) {
		ledger := f.at(i).(storage.RevocationQueue)
		for n := 0; settled.Load() < debts && n < 10_000; n++ {
			got, err := ledger.Claim(f.ctx, 3, hold)
			if err != nil {
				f.Errorf("Claim: %v", err)
				return
			}
			for j, d := range got {
				f.finish(ledger, d, i+j+n, &settled)
			}
			// One moves the clock on: where callers take strict turns, six would make
			// each other lose every hold before it can be used.
			if len(got) == 0 && i == n%workers {
				f.clock.advance(hold / 2)
			}
		}
	})
	if settled.Load() != debts {
		f.Errorf("%d of %d debts were settled", settled.Load(), debts)
	}
	f.debtsAre(0)
}

func (f *fixture) finish(ledger storage.RevocationQueue, d storage.Revocation, way int, settled *atomic.Int64) {
	var err error
	switch way % 3 {
	case 0:
		if err = ledger.Complete(f.ctx, d); err == nil {
			settled.Add(1)
		}
	case 1:
		err = ledger.Retry(f.ctx, d, f.clock.Now().Add(time.Second))
	case 2: // forgotten, as by a worker that crashed
	}
	if err != nil && !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound) {
		f.Errorf("Complete or Retry: %v", err)
	}
}

// backOrOut has a holder whose time is up hand a debt back while somebody else
// claims it. One of them comes first, and then the other has nothing.
func backOrOut(f *fixture) {
	for round := range atLeast(60) {
		lost := f.owes(f.record(fmt.Sprint("debt ", round)))
		f.clock.advance(hold)
		later := f.clock.Now().Add(time.Hour)
		var claimed []storage.Revocation
		var err, backErr error
		parallel(2, func(i int) {
			switch ledger := f.at(i).(storage.RevocationQueue); {
			case i == round%2:
				claimed, err = ledger.Claim(f.ctx, 1, hold)
			case round%4 < 2:
				backErr = ledger.Complete(f.ctx, lost)
			default:
				backErr = ledger.Retry(f.ctx, lost, later)
			}
		})
		if err != nil || backErr != nil && !errors.Is(backErr, storage.ErrConflict) {
			f.Fatalf("Claim: %v; Complete or Retry: %v; want nil and at most %q", err, backErr, storage.ErrConflict)
		}
		if back := backErr == nil; back == (len(claimed) > 0) {
			f.Fatalf("a debt was handed back: %v, and handed out %d times; want one or the other", back, len(claimed))
		}
		switch {
		case len(claimed) > 0:
			lost = claimed[0]
		case round%4 < 2:
			continue
		default:
			lost.Due = later
		}
		if err := f.ledger().Complete(f.ctx, lost); err != nil {
			f.Fatalf("Complete by the one who has the debt: %v", err)
		}
	}
	f.debtsAre(0)
}
