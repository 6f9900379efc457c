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
//	tenant    1 byte of length, and the text
//	revision  8 bytes
//	write     8 bytes, random
//	expiry    8 bytes, a double as the server's scores are: Unix milliseconds
//	kind      1 byte of length, and the text
//	subject   4 bytes of length, and the text
//	sid       4 bytes of length, and the text
//	data      the rest
//
// Every later format also begins with the format and the tenant, so that a version
// that cannot read a record can still enqueue it for its tenant.
//
// The write identifies a Save. If the connection breaks before the response arrives,
// the client sends the same bytes again; a script that finds them stored knows that
// its first run succeeded and that there is no conflict.
const (
	recordFormat = 2
	recordFixed  = 8 + 8 + 8 // between the tenant and the kind
)

// A revocation is a record preceded by:
//
//	since     8 bytes, Unix milliseconds
//	attempts  4 bytes
const queueHead = 8 + 4

var errDamaged = errors.New("damaged, or written by a newer version")

func appendRecord(b []byte, r storage.Record) []byte {
	b = slices.Grow(b, 2+len(r.Tenant)+recordFixed+1+len(r.Kind)+4+len(r.Subject)+4+len(r.SID)+len(r.Data))
	b = append(b, recordFormat)
	b = appendShort(b, r.Tenant)
	b = binary.BigEndian.AppendUint64(b, r.Revision)
	b = binary.BigEndian.AppendUint64(b, rand.Uint64())
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(float64(r.Expiry.UnixMilli())))
	b = appendShort(b, string(r.Kind))
	for _, text := range []string{r.Subject, r.SID} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	return append(b, r.Data...)
}

// appendShort appends a text whose length storage.CheckScope has bounded.
func appendShort(b []byte, text string) []byte { return append(append(b, byte(len(text))), text...) }

// cutShort cuts such a text from the front of rest.
func cutShort(rest string) (text, behind string, ok bool) {
	if rest == "" || len(rest)-1 < int(rest[0]) {
		return "", "", false
	}
	end := 1 + int(rest[0])
	return rest[1:end], rest[end:], true
}

// decodeRecord returns a record that shares the memory of text and value, which are
// the same bytes: strings are cut from text, and Data from value, without a copy.
func decodeRecord(id, text string, value []byte) (storage.Record, error) {
	if len(value) == 0 || value[0] != recordFormat {
		return storage.Record{}, errDamaged
	}
	r := storage.Record{ID: id}
	tenant, rest, ok := cutShort(text[1:])
	if !ok || len(rest) < recordFixed {
		return storage.Record{}, errDamaged
	}
	r.Tenant = tenant
	fixed := value[len(value)-len(rest):]
	r.Revision = binary.BigEndian.Uint64(fixed)
	r.Expiry = time.UnixMilli(int64(math.Float64frombits(binary.BigEndian.Uint64(fixed[16:]))))
	kind, rest, ok := cutShort(rest[recordFixed:])
	if !ok {
		return storage.Record{}, errDamaged
	}
	r.Kind = storage.Kind(kind)
	at := len(value) - len(rest)
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
