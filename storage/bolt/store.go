package bolt

import (
	"context"
	"errors"

	"github.com/passport-go/passport/storage"
)

// Load implements [storage.TokenStore]. It does not wait for a write or an fsync.
func (s *Store) Load(ctx context.Context, id string) (storage.Record, error) {
	if err := s.ready(ctx); err != nil {
		return storage.Record{}, err
	}
	var found storage.Record
	err := s.view(func(t *tx) (err error) {
		found, err = t.live(id)
		return err
	})
	return found, err
}

// List implements [storage.Lister].
func (s *Store) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var found []storage.Record
	err := s.view(func(t *tx) (err error) {
		found, err = t.matching(m, unlimited)
		return err
	})
	return found, err
}

// Save implements [storage.TokenStore]. It returns once the record is on disk.
// ID, Subject and SID may be up to 8 KiB each.
func (s *Store) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if err := check(r); err != nil {
		return storage.Record{}, err
	}
	r.Expiry = stored(r.Expiry)
	revision := r.Revision
	err := s.submit(&write{ctx: ctx, creates: revision == 0, change: func(t *tx) error {
		if !t.now.Before(r.Expiry) {
			return errors.New("storage/bolt: Record.Expiry has passed")
		}
		old, err := t.replaceable(r, revision)
		if err != nil {
			return err
		}
		r.Revision = revision + 1
		t.replace(old, r)
		return nil
	}})
	if err != nil {
		return storage.Record{}, err
	}
	return r, nil
}

// replaceable returns the record that r, read at this revision, may replace: the zero
// Record if r is new.
func (t *tx) replaceable(r storage.Record, revision uint64) (storage.Record, error) {
	old, err := t.get(r.ID)
	isLive := err == nil && t.now.Before(old.Expiry)
	switch {
	case revision == 0 && isLive:
		return storage.Record{}, storage.ErrConflict
	case revision == 0:
		return old, nil
	case err != nil:
		return storage.Record{}, err
	case !isLive:
		return storage.Record{}, storage.ErrNotFound
	case old.Revision != revision || old.Tenant != r.Tenant || old.Kind != r.Kind:
		return storage.Record{}, storage.ErrConflict
	}
	return old, nil
}

// Delete implements [storage.TokenStore].
func (s *Store) Delete(ctx context.Context, id string) (storage.Record, error) {
	var removed storage.Record
	err := s.write(ctx, func(t *tx) (err error) {
		removed, err = t.live(id)
		if err != nil {
			return err
		}
		t.remove(removed)
		return nil
	})
	if err != nil {
		return storage.Record{}, err
	}
	return removed, nil
}

// DeleteMatching implements [storage.TokenStore]. It removes the records in one
// transaction or, on a disk too full for that, one by one.
func (s *Store) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return oneByOneIfFull(func(most int) ([]storage.Record, error) { return s.deleteMatching(ctx, m, most) })
}

func (s *Store) deleteMatching(ctx context.Context, m storage.Match, most int) ([]storage.Record, error) {
	var removed []storage.Record
	err := s.write(ctx, func(t *tx) (err error) {
		removed, err = t.matching(m, most)
		if err != nil {
			return err
		}
		for _, r := range removed {
			t.remove(r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}
