package bolt

import (
	"encoding/binary"

	"github.com/passport-go/passport/storage"
)

// A revocation is stored as its checksum, attempts, since, due and the body of the
// record.
func encodeRevocation(d storage.Revocation) []byte {
	b := make([]byte, sumLen, sumLen+3*8+bodyLen(d.Record))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Attempts))
	b = appendTime(b, d.Since)
	b = appendTime(b, d.Due)
	return seal(d.Record.ID, appendBody(b, d.Record))
}

func decodeRevocation(id string, value []byte) (storage.Revocation, error) {
	body, ok := unseal(id, value)
	if !ok {
		return storage.Revocation{}, errDamaged
	}
	c := cutter{rest: body}
	d := storage.Revocation{
		Attempts: int(c.uint64()),
		Since:    c.time(),
		Due:      c.time(),
		Record:   c.record(id),
	}
	if c.failed {
		return storage.Revocation{}, errDamaged
	}
	return d, nil
}

// revocation returns the revocation under id, or storage.ErrNotFound.
func (t *tx) revocation(id string) (storage.Revocation, error) {
	value := t.Bucket(t.revocations).Get([]byte(id))
	if value == nil {
		return storage.Revocation{}, storage.ErrNotFound
	}
	d, err := decodeRevocation(id, value)
	if err != nil {
		t.log.Error(err.Error())
	}
	return d, err
}

// putRevocation replaces old, the zero Revocation if there is none, with d.
func (t *tx) putRevocation(old, d storage.Revocation) {
	t.put(t.revocations, []byte(d.Record.ID), encodeRevocation(d))
	t.move(t.dues, dueKey(old), dueKey(d))
}

func (t *tx) removeRevocation(d storage.Revocation) {
	t.delete(t.revocations, []byte(d.Record.ID))
	t.delete(t.dues, dueKey(d))
}

func dueKey(d storage.Revocation) []byte {
	if d.Record.ID == "" {
		return nil
	}
	return timeKey(duePrefix(d.Record.Tenant), d.Due, d.Record.ID)
}
