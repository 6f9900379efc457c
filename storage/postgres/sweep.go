package postgres

import (
	"context"
	"time"
)

const (
	// sweepEvery and sweepBatch: twice as many records can leave as arrive, so
	// the expired never outnumber the live for long, and a batch takes a few
	// milliseconds.
	sweepEvery = 64
	sweepBatch = 2 * sweepEvery
)

// Sweep removes at most n records that have expired, and returns how many it
// removed. Expired records are absent anyway; sweeping gives their space back.
// They become due for it at the next full hour after their expiry.
//
// Save does it now and then. A program that wants it done elsewhere, or at
// once, calls Sweep until it returns less than n. Several callers do not wait
// for each other: each passes over what another is removing. A few hundred at
// a time keep every lock short.
func (s *Store) Sweep(ctx context.Context, n int) (int, error) {
	if n <= 0 {
		return 0, nil
	}
	var removed int64
	err := s.run(ctx, func(db querier) error {
		tag, err := db.Exec(ctx, s.sql.sweep, s.clock(), int64(n))
		removed = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, failed("sweep", err)
	}
	return int(removed), nil
}

// sweepNowAndThen is the share of the clean-up that each new record pays for.
// Its failure is not the caller's: the record is stored, and what was not
// swept stays absent and is found the next time.
func (s *Store) sweepNowAndThen(ctx context.Context) {
	if s.created.Add(1)%sweepEvery == 0 {
		_, _ = s.Sweep(ctx, sweepBatch)
	}
}

// sweepAfter returns the full hour after expiry. The records of one hour share
// it, which keeps its index small, and an expiry that is moved by minutes
// mostly leaves it as it is.
func sweepAfter(expiry time.Time) time.Time {
	return expiry.Truncate(time.Hour).Add(time.Hour)
}
