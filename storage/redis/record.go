package redis

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/passport-go/passport/storage"
)

// A record is one string, so that a Load is one plain GET. The scripts read it
// too (parse in lua/common.lua). Numbers are big-endian:
//
//	format    1 byte
//	revision  8 bytes
//	write     8 bytes, random
//	expiry    8 bytes, a double as the server's scores are: Unix milliseconds
//	subject   4 bytes of length, and the text
//	sid       4 bytes of length, and the text
//	data      the rest
//
// The write tells one Save from another. When a connection breaks before the
// answer is in, the client sends the same bytes again; a script that finds them
// stored knows that its first run was a success, not somebody else's conflict.
const (
	recordFormat = 1
	recordFixed  = 1 + 8 + 8 + 8
)

// A revocation is a record with this in front:
//
//	since     8 bytes, Unix milliseconds
//	attempts  4 bytes
const queueHead = 8 + 4

var errDamaged = errors.New("damaged, or written by a newer version")

func appendRecord(b []byte, r storage.Record) []byte {
	b = slices.Grow(b, recordFixed+4+len(r.Subject)+4+len(r.SID)+len(r.Data))
	b = append(b, recordFormat)
	b = binary.BigEndian.AppendUint64(b, r.Revision)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64())
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(float64(r.Expiry.UnixMilli())))
	for _, text := range []string{r.Subject, r.SID} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	return append(b, r.Data...)
}

// decodeRecord returns a record that shares the memory of value. It is handed
// the same bytes twice, as the client has them: texts are cut from the one, and
// Data from the other, without a copy.
func decodeRecord(id, text string, value []byte) (storage.Record, error) {
	if len(value) < recordFixed || value[0] != recordFormat {
		return storage.Record{}, errDamaged
	}
	r := storage.Record{
		ID:       id,
		Revision: binary.BigEndian.Uint64(value[1:]),
		Expiry:   time.UnixMilli(int64(math.Float64frombits(binary.BigEndian.Uint64(value[17:])))),
	}
	at := recordFixed
	for _, field := range []*string{&r.Subject, &r.SID} {
		if len(value) < at+4 {
			return storage.Record{}, errDamaged
		}
		length := int(binary.BigEndian.Uint32(value[at:]))
		at += 4
		if length > len(value)-at {
			return storage.Record{}, errDamaged
		}
		*field = text[at : at+length]
		at += length
	}
	r.Data = value[at:len(value):len(value)]
	return r, nil
}

// newQueueHead begins a revocation that has not been retried yet.
func newQueueHead(since time.Time) []byte {
	b := make([]byte, 0, queueHead)
	b = binary.BigEndian.AppendUint64(b, uint64(since.UnixMilli()))
	return append(b, 0, 0, 0, 0)
}

// decodeRevocation leaves Due to the caller: only the queue has it.
func decodeRevocation(id, text string) (storage.Revocation, error) {
	if len(text) < queueHead {
		return storage.Revocation{}, errDamaged
	}
	value := []byte(text)
	r, err := decodeRecord(id, text[queueHead:], value[queueHead:])
	if err != nil {
		return storage.Revocation{}, err
	}
	return storage.Revocation{
		Record:   r,
		Since:    time.UnixMilli(int64(binary.BigEndian.Uint64(value))),
		Attempts: int(binary.BigEndian.Uint32(value[8:])),
	}, nil
}
