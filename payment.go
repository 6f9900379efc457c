package passport

import (
	"context"
	"time"

	"github.com/passport-go/passport/storage"
)

const (
	// revocationsAtOnce bounds the calls that one process has under way.
	revocationsAtOnce = 32

	// patience is how long a debt may wait for a worker: what is left of the
	// hold then is enough for all that is done in it.
	patience = revocationHold - revocationTimeout - 2*storeTimeout
)

// payment is a debt that waits for a worker.
type payment struct {
	debt    storage.Debt
	since   time.Time
	outcome chan<- Outcome // nil if nobody waits for it
}

func (a payment) tell(o Outcome) {
	if a.outcome != nil {
		a.outcome <- o
	}
}

// pay has debts settled that this process holds. After Close it does so itself
// before it returns.
func (v *revoker) pay(debts ...storage.Debt) { v.payTo(nil, debts) }

// payTo is pay for those who want to know: outcomes gets one a debt, and has
// room for all.
func (v *revoker) payTo(outcomes chan<- Outcome, debts []storage.Debt) {
	since := v.p.c.Now()
	for _, d := range debts {
		if v.enqueue(payment{d, since, outcomes}) && !v.p.tasks.start(v.work) {
			v.work(context.Background())
		}
	}
}

// enqueue reports whether a worker is to be started, whom it counts already.
func (v *revoker) enqueue(a payment) (worker bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id := a.debt.Record.ID
	h, known := v.hand[id]
	if !known && !v.mayTakeMore() { // the loop will find it in the ledger
		a.tell(Pending)
		return false
	}
	if !h.stray {
		h.debt = a.debt
	}
	h.busy = true
	v.hand[id] = h
	v.queue = append(v.queue, a)
	if v.workers == revocationsAtOnce {
		return false
	}
	v.workers++
	return true
}

// work is a worker: it pays until nothing is left. Once ctx is done it leaves
// what it finds in the ledger, or in hand.
func (v *revoker) work(ctx context.Context) {
	for {
		a, ok := v.nextPayment()
		if !ok {
			return
		}
		outcome, event := Pending, Event{}
		if ctx.Err() == nil && v.p.c.Now().Sub(a.since) <= patience {
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
func (v *revoker) worked(d storage.Debt) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h, owed := v.hand[d.Record.ID]
	if !owed {
		return
	}
	h.busy = false
	v.hand[d.Record.ID] = h
	if h.debt.Due.Before(v.next) {
		v.nudge()
	}
}
