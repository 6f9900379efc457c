package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/passport-go/passport/storage"
)

// bbolt only checks its meta pages. The checksum in front of each value detects
// bytes that changed on disk; it covers the id too.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumLen = 4

func checksum(id string, body []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(id), castagnoli), castagnoli, body)
}

// seal fills in the checksum at the front of value.
func seal(id string, value []byte) []byte {
	binary.BigEndian.PutUint32(value, checksum(id, value[sumLen:]))
	return value
}

// unseal checks the checksum and returns the body after it.
func unseal(id string, value []byte) (body []byte, ok bool) {
	if len(value) < sumLen {
		return nil, false
	}
	body = value[sumLen:]
	return body, binary.BigEndian.Uint32(value) == checksum(id, body)
}

// A record is stored as its checksum and its body: revision, expiry, tenant, kind,
// subject, sid, data.
func encodeRecord(r storage.Record) []byte {
	return seal(r.ID, appendBody(make([]byte, sumLen, sumLen+bodyLen(r)), r))
}

func bodyLen(r storage.Record) int {
	return 2*8 + 4*binary.MaxVarintLen32 + len(r.Tenant) + len(r.Kind) + len(r.Subject) + len(r.SID) + len(r.Data)
}

func appendBody(b []byte, r storage.Record) []byte {
	b = binary.BigEndian.AppendUint64(b, r.Revision)
	b = appendTime(b, r.Expiry)
	b = appendString(b, r.Tenant)
	b = appendString(b, string(r.Kind))
	b = appendString(b, r.Subject)
	b = appendString(b, r.SID)
	return append(b, r.Data...)
}

func appendTime(b []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(at.UnixMicro()))
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeRecord returns a record that shares no memory with value, which is only valid
// during the transaction.
func decodeRecord(id string, value []byte) (storage.Record, error) {
	body, ok := unseal(id, value)
	if !ok {
		return storage.Record{}, errDamaged
	}
	c := cutter{rest: body}
	r := c.record(id)
	if c.failed {
		return storage.Record{}, errDamaged
	}
	return r, nil
}

// A cutter cuts values from the front of rest, in the order in which they were
// appended. Once one is incomplete it has failed, and returns zero values.
type cutter struct {
	rest   []byte
	failed bool
}

func (c *cutter) record(id string) storage.Record {
	r := storage.Record{
		ID:       id,
		Revision: c.uint64(),
		Expiry:   c.time(),
		Tenant:   c.string(),
		Kind:     storage.Kind(c.string()),
		Subject:  c.string(),
		SID:      c.string(),
	}
	r.Data = append(r.Data, c.rest...)
	return r
}

func (c *cutter) uint64() uint64 {
	b := c.bytes(8)
	if c.failed {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (c *cutter) time() time.Time { return fromMicro(int64(c.uint64())) }

func (c *cutter) string() string {
	length, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.failed = true
		return ""
	}
	c.rest = c.rest[n:]
	return string(c.bytes(length))
}

func (c *cutter) bytes(n uint64) []byte {
	if c.failed || n > uint64(len(c.rest)) {
		c.failed = true
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

// check returns an error if r cannot be stored.
func check(r storage.Record) error {
	switch {
	case r.ID == "":
		return errors.New("storage/bolt: Record.ID is empty")
	case len(r.ID) > maxPart:
		return fmt.Errorf("storage/bolt: Record.ID is %d bytes long: at most %d can be stored", len(r.ID), maxPart)
	case len(r.Subject) > maxPart:
		return fmt.Errorf("storage/bolt: Record.Subject is %d bytes long: at most %d can be stored", len(r.Subject), maxPart)
	case len(r.SID) > maxPart:
		return fmt.Errorf("storage/bolt: Record.SID is %d bytes long: at most %d can be stored", len(r.SID), maxPart)
	}
	if err := storage.CheckScope(&r); err != nil {
		return fmt.Errorf("storage/bolt: %w", err)
	}
	return nil
}
