package passport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// Stats are what a [Passport] has counted since New, on this instance. They only grow.
// docs/operations.md says what to watch.
type Stats struct {
	// SessionsBegun counts logins. SessionsEnded counts by what ended them:
	// EventLogout, EventSessionReplaced, EventSessionEvicted, EventSessionLost and
	// EventSessionReturned. Sessions that have expired are not among them.
	SessionsBegun uint64               `json:"sessions_begun"`
	SessionsEnded map[EventName]uint64 `json:"sessions_ended"`

	// LoginsFailed counts by reason.
	LoginsFailed map[LoginFailure]uint64 `json:"logins_failed"`

	// Refreshes and RefreshesFailed count calls to the provider, whose tokens many
	// callers may share.
	Refreshes       uint64 `json:"refreshes"`
	RefreshesFailed uint64 `json:"refreshes_failed"`

	// RevocationsTried counts calls to the provider; RevocationsDone and
	// RevocationsFailed, tokens that are revoked and given up.
	RevocationsTried  uint64 `json:"revocations_tried"`
	RevocationsDone   uint64 `json:"revocations_done"`
	RevocationsFailed uint64 `json:"revocations_failed"`

	// BearersAccepted and BearersRefused count bearer tokens by what became of them,
	// and BearersUnverified those that could not be verified at the time: the Store
	// or the provider's keys were not available.
	BearersAccepted   uint64 `json:"bearers_accepted"`
	BearersRefused    uint64 `json:"bearers_refused"`
	BearersUnverified uint64 `json:"bearers_unverified"`

	// StoreCalls counts the calls to the Store. Those to a store in this process's
	// memory are not counted, for counting would cost as much as the call.
	StoreCalls map[Operation]StoreCalls `json:"store_calls"`
}

// StoreCalls counts the calls of one method of the Store.
type StoreCalls struct {
	Calls  uint64        `json:"calls"`
	Errors uint64        `json:"errors"`  // the store could not answer
	Time   time.Duration `json:"time_ns"` // of all calls together
}

// Stats returns the counts. It takes no lock and makes no call, so it may be called
// often. The fields are read one after the other, while others count on.
func (p *Passport) Stats() Stats {
	n := p.counts
	s := Stats{
		SessionsBegun:     n.events[EventLogin].Load(),
		SessionsEnded:     map[EventName]uint64{},
		LoginsFailed:      map[LoginFailure]uint64{},
		Refreshes:         n.refreshes.Load(),
		RefreshesFailed:   n.refreshesFailed.Load(),
		RevocationsTried:  n.revocations.Load(),
		RevocationsDone:   n.events[EventRevocationDone].Load(),
		RevocationsFailed: n.events[EventRevocationFailed].Load(),
		BearersAccepted:   n.bearersAccepted.Load(),
		BearersRefused:    n.bearersRefused.Load(),
		BearersUnverified: n.bearersUnverified.Load(),
		StoreCalls:        map[Operation]StoreCalls{},
	}
	for _, cause := range endings {
		s.SessionsEnded[cause] = n.events[cause].Load()
	}
	for reason, count := range n.failures {
		s.LoginsFailed[reason] = count.Load()
	}
	for name, c := range p.meter.Counts() {
		s.StoreCalls[Operation(name)] = StoreCalls{Calls: c.Calls, Errors: c.Errors, Time: c.Time}
	}
	return s
}

// countBearer counts a bearer token by what VerifyBearer says of it.
func (c *counts) countBearer(err error) {
	switch {
	case err == nil:
		c.bearersAccepted.Add(1)
	case errors.Is(err, ErrBearerInvalid):
		c.bearersRefused.Add(1)
	case !errors.Is(err, ErrNoBearer):
		c.bearersUnverified.Add(1)
	}
}

// PendingRevocations counts the refresh tokens that have yet to be revoked, on all
// instances that share the Store, and those that this instance alone knows of because
// the Store could not take them. It makes a call to the Store whose cost may grow with
// their number, and takes at most ten seconds: call it a few times a minute.
//
// errors.ErrUnsupported: the Store has a queue and is no storage.RevocationCounter.
// ErrStoreUnavailable: it could not answer.
func (p *Passport) PendingRevocations(ctx context.Context) (storage.RevocationCount, error) {
	if p.counter == nil {
		return storage.RevocationCount{}, fmt.Errorf("passport: the store cannot count revocations: %w", errors.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, records.Timeout)
	defer cancel()
	n, err := p.meter.Count(ctx, p.counter, p.records.Tenant())
	if err != nil {
		return storage.RevocationCount{}, storeError(err)
	}
	return p.revoker.WithUnqueued(n), nil
}
