package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
)

// formatVersion is the version of the layout in this file, record.go and
// revocation.go. Change it with any of them.
const formatVersion = "2"

var (
	versionKey = []byte("version")
	reserveKey = []byte("reserve")
)

// buckets holds the names of the store's buckets.
type buckets struct {
	meta        []byte // "version": formatVersion
	records     []byte // id: record
	subjects    []byte // tenant, kind, subject, id: nothing
	sids        []byte // tenant, kind, sid, id: nothing
	expiries    []byte // expiry, id: nothing
	revocations []byte // id: revocation
	dues        []byte // tenant, due, id: nothing
	reserve     []byte // "reserve": room for a full disk
}

func namesOf(prefix string) buckets {
	name := func(what string) []byte { return []byte(prefix + "." + what) }
	return buckets{
		meta:        name("meta"),
		records:     name("records"),
		subjects:    name("subjects"),
		sids:        name("sids"),
		expiries:    name("expiries"),
		revocations: name("revocations"),
		dues:        name("dues"),
		reserve:     name("reserve"),
	}
}

// prepare checks the version of an existing store, or lays out a new one. It does not
// write to an existing store, which therefore opens on a full disk too.
func (s *Store) prepare() error {
	var version []byte
	err := s.view(func(t *tx) error {
		if meta := t.Bucket(t.meta); meta != nil {
			version = bytes.Clone(meta.Get(versionKey))
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case version == nil:
		return s.create()
	case string(version) != formatVersion:
		return fmt.Errorf("storage/bolt: %s has format %q and this program reads format %q: "+
			"run the version that wrote it, or start with another file", s.db.Path(), version, formatVersion)
	}
	return nil
}

func (s *Store) create() error {
	return s.update(func(t *tx) error {
		for _, name := range [][]byte{t.meta, t.records, t.subjects, t.sids, t.expiries, t.revocations, t.dues, t.reserve} {
			if _, err := t.CreateBucketIfNotExists(name); err != nil {
				return databaseError(err)
			}
		}
		t.fillReserve()
		t.put(t.meta, versionKey, []byte(formatVersion))
		return t.failed
	})
}

// maxPart bounds each part of a key; bbolt limits a key to 32 KiB.
const maxPart = 8 << 10

// nameKey is the key of id in the index by subject or sid. Without an id it is the
// prefix of all keys of that name in that tenant and kind. Each text is preceded by
// its length, so that none is a prefix of another. An empty name has no key.
func nameKey(tenant string, kind storage.Kind, name, id string) []byte {
	if name == "" {
		return nil
	}
	key := make([]byte, 0, 3*binary.MaxVarintLen32+len(tenant)+len(kind)+len(name)+len(id))
	key = appendString(key, tenant)
	key = appendString(key, string(kind))
	key = appendString(key, name)
	return append(key, id...)
}

// timeKey is the key of id in an index by time. Keys with the same prefix sort by time.
func timeKey(prefix []byte, at time.Time, id string) []byte {
	key := append(make([]byte, 0, len(prefix)+timeLen+len(id)), prefix...)
	key = binary.BigEndian.AppendUint64(key, uint64(at.UnixMicro())^signBit)
	return append(key, id...)
}

// duePrefix is the prefix of all keys of a tenant's revocations.
func duePrefix(tenant string) []byte { return appendString(nil, tenant) }

const (
	timeLen = 8
	signBit = 1 << 63 // inverted, it sorts times before 1970 first
)

// timeOf reverses timeKey without a prefix. ok is false if key is malformed.
func timeOf(key []byte) (at time.Time, id []byte, ok bool) {
	if len(key) <= timeLen {
		return time.Time{}, nil, false
	}
	return fromMicro(int64(binary.BigEndian.Uint64(key) ^ signBit)), key[timeLen:], true
}

// stored returns at as the file stores it, to the microsecond.
func stored(at time.Time) time.Time { return fromMicro(at.UnixMicro()) }

func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }
