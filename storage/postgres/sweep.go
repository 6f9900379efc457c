package postgres

import (
	"context"
	"time"
)

const (
	// sweepEvery and sweepBatch: twice as many records can be removed as are added,
	// so expired records do not accumulate, and a batch takes a few milliseconds.
	sweepEvery = 64
	sweepBatch = 2 * sweepEvery
)

// Sweep removes at most n expired records, from the first full hour after their
// expiry, and returns how many it has removed. Expired records are absent anyway;
// sweeping frees their space.
//
// Save does it now and then. To sweep elsewhere, or at once, call Sweep until it
// returns less than n; a few hundred at a time keep locks short. Concurrent callers do
// not wait for each other: each skips what another is removing.
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

// sweepNowAndThen is called for each new record, and sweeps for some of them. It
// ignores errors: the record is stored, and a later sweep finds what this one has
// missed.
func (s *Store) sweepNowAndThen(ctx context.Context) {
	if s.created.Add(1)%sweepEvery == 0 {
		_, _ = s.Sweep(ctx, sweepBatch)
	}
}

// sweepAfter returns the next full hour after expiry. The records of an hour share it,
// which keeps the index small, and it rarely changes when an expiry moves by minutes.
func sweepAfter(expiry time.Time) time.Time {
	return expiry.Truncate(time.Hour).Add(time.Hour)
}
