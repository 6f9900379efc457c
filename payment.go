package passport

import (
	"context"
	"time"

	"github.com/passport-go/passport/storage"
)

const (
	// revocationsAtOnce bounds the calls that one process has under way.
	revocationsAtOnce = 32

	// patience is how long a debt that is held may wait for a worker: what is
	// left of the hold then is enough for all that is done in it.
	patience = revocationHold - revocationTimeout - 2*storeTimeout

	// longestQueue bounds the debts of a durable ledger that wait here. More are
	// left to the ledger, which hands them out again when their hold is over.
	longestQueue = 10_000
)

// payment is a debt that waits for a worker.
type payment struct {
	debt    storage.Revocation
	until   time.Time      // zero: for as long as it takes
	outcome chan<- Outcome // nil if nobody waits for it
}

func (a payment) tell(o Outcome) {
	if a.outcome != nil {
		a.outcome <- o
	}
}

// pay has debts settled that this process holds. After Close it does so itself
// before it returns.
func (v *revoker) pay(debts ...storage.Revocation) { v.payTo(nil, debts, v.p.c.Now().Add(patience)) }

// payTo is pay for those who want to know: outcomes gets one a debt, and has
// room for all. What has found no worker until then is left alone; the zero Time
// waits for as long as it takes.
func (v *revoker) payTo(outcomes chan<- Outcome, debts []storage.Revocation, until time.Time) {
	for _, d := range debts {
		if v.enqueue(payment{d, until, outcomes}) && !v.p.tasks.Start(v.work) {
			v.work(v.p.tasks.Last())
		}
	}
}

// enqueue reports whether a worker is to be started, whom it counts already.
func (v *revoker) enqueue(a payment) (worker bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id := a.debt.Record.ID
	h, known := v.hand[id]
	if v.queueIsFull() && !h.stray {
		a.tell(OutcomePending)
		return false
	}
	if !h.stray {
		h.debt = a.debt
	}
	h.payments++
	if known || v.mayTakeMore() {
		v.hand[id] = h
	}
	v.queue = append(v.queue, a)
	if v.workers == revocationsAtOnce {
		return false
	}
	v.workers++
	return true
}

// queueIsFull is for the holder of mu.
func (v *revoker) queueIsFull() bool { return !v.volatile && len(v.queue) >= longestQueue }

// work is a worker: it pays until nothing is left. Once ctx is done it leaves
// what it finds in the ledger, or in hand.
func (v *revoker) work(ctx context.Context) {
	for {
		a, ok := v.nextPayment()
		if !ok {
			return
		}
		outcome, event := OutcomePending, Event{}
		if ctx.Err() == nil && (a.until.IsZero() || !v.p.c.Now().After(a.until)) {
			outcome, event = v.attempt(ctx, a.debt)
		}
		v.worked(a.debt) // before anybody hears of it, and calls Close, say
		if event.Name != "" {
			v.p.emit(event)
		}
		a.tell(outcome)
	}
}

// nextPayment lets the worker go if there is none.
func (v *revoker) nextPayment() (a payment, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.queue) == 0 {
		v.queue = nil
		v.workers--
		return payment{}, false
	}
	a, v.queue[0] = v.queue[0], payment{}
	v.queue = v.queue[1:]
	return a, true
}

// worked marks a debt as nobody's business for now, if it is still owed.
func (v *revoker) worked(d storage.Revocation) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, owed := v.hand[d.Record.ID]
	if !owed {
		return
	}
	h.payments = max(h.payments-1, 0)
	v.hand[d.Record.ID] = h
	if h.debt.Due.Before(v.next) {
		v.nudge()
	}
}
