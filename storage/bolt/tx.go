package bolt

import (
	"bytes"
	"log/slog"
	"math"
	"time"

	"github.com/passport-go/passport/storage"
	"go.etcd.io/bbolt"
)

// A tx is one transaction, as the store sees it.
type tx struct {
	*bbolt.Tx
	buckets
	log *slog.Logger
	now time.Time

	changed bool  // there is something to commit
	failed  error // the first error of the database; it undoes the transaction
}

func (s *Store) tx(b *bbolt.Tx) *tx {
	return &tx{Tx: b, buckets: s.buckets, log: s.log, now: s.now()}
}

func (t *tx) put(bucket, key, value []byte) {
	if t.failed != nil || key == nil {
		return
	}
	t.changed = true
	if err := t.Bucket(bucket).Put(key, value); err != nil {
		t.failed = databaseError(err)
	}
}

func (t *tx) delete(bucket, key []byte) {
	if t.failed != nil || key == nil {
		return
	}
	t.changed = true
	if err := t.Bucket(bucket).Delete(key); err != nil {
		t.failed = databaseError(err)
	}
}

// get returns the record, expired or not, or storage.ErrNotFound.
func (t *tx) get(id string) (storage.Record, error) {
	value := t.Bucket(t.records).Get([]byte(id))
	if value == nil {
		return storage.Record{}, storage.ErrNotFound
	}
	r, err := decodeRecord(id, value)
	if err != nil {
		t.log.Error(err.Error())
	}
	return r, err
}

// live returns the record, or storage.ErrNotFound.
func (t *tx) live(id string) (storage.Record, error) {
	r, err := t.get(id)
	if err != nil {
		return storage.Record{}, err
	}
	if !t.now.Before(r.Expiry) {
		return storage.Record{}, storage.ErrNotFound
	}
	return r, nil
}

// replace replaces old, the zero Record if there is none, with r.
func (t *tx) replace(old, r storage.Record) {
	t.put(t.records, []byte(r.ID), encodeRecord(r))
	t.reindex(old, r)
}

func (t *tx) remove(r storage.Record) {
	t.delete(t.records, []byte(r.ID))
	t.reindex(r, storage.Record{})
}

// reindex moves the index entries of old to where r belongs. The zero Record is
// in no index.
func (t *tx) reindex(old, r storage.Record) {
	t.move(t.subjects, nameKey(old.Tenant, old.Kind, old.Subject, old.ID), nameKey(r.Tenant, r.Kind, r.Subject, r.ID))
	t.move(t.sids, nameKey(old.Tenant, old.Kind, old.SID, old.ID), nameKey(r.Tenant, r.Kind, r.SID, r.ID))
	t.move(t.expiries, expiryKey(old), expiryKey(r))
}

func (t *tx) move(bucket, from, to []byte) {
	if bytes.Equal(from, to) {
		return
	}
	t.delete(bucket, from)
	t.put(bucket, to, nil)
}

func expiryKey(r storage.Record) []byte {
	if r.ID == "" {
		return nil
	}
	return timeKey(nil, r.Expiry, r.ID)
}

const unlimited = math.MaxInt

// matching returns the live records that m selects, up to most of them.
func (t *tx) matching(m storage.Match, most int) ([]storage.Record, error) {
	index, prefix, err := t.indexFor(m)
	if err != nil {
		return nil, err
	}
	var found []storage.Record
	t.scan(index, prefix, func(key []byte) bool {
		id, ok := bytes.CutPrefix(key, prefix)
		if !ok {
			return false
		}
		// An entry can outlive its record only if the record was damaged.
		r, err := t.live(string(id))
		if err == nil && selects(m, r) {
			found = append(found, r)
		}
		return len(found) < most
	})
	return found, nil
}

// scan visits the keys of an index in order, from the first that is not less than
// from, until visit returns false.
func (t *tx) scan(index, from []byte, visit func(key []byte) bool) {
	cursor := t.Bucket(index).Cursor()
	var last []byte
	for key, _ := cursor.Seek(from); key != nil; key, _ = cursor.Next() {
		if bytes.Compare(key, last) <= 0 {
			panic("keys out of order") // otherwise a cycle of pages would never end
		}
		if !visit(key) {
			return
		}
		last = key
	}
}

// indexFor picks the index by sid if m has one: a subject may have many sessions, but
// a sid has few.
func (t *tx) indexFor(m storage.Match) (bucket, prefix []byte, err error) {
	switch {
	case m.SID != "":
		return t.sids, nameKey(m.Tenant, m.Kind, m.SID, ""), nil
	case m.Subject != "":
		return t.subjects, nameKey(m.Tenant, m.Kind, m.Subject, ""), nil
	default:
		return nil, nil, storage.ErrEmptyMatch
	}
}

func selects(m storage.Match, r storage.Record) bool {
	return m.Tenant == r.Tenant && m.Kind == r.Kind &&
		(m.Subject == "" || m.Subject == r.Subject) &&
		(m.SID == "" || m.SID == r.SID) &&
		r.ID != m.Except
}
