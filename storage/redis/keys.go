package redis

import (
	"strconv"

	"github.com/passport-go/passport/storage"
)

// A Cluster runs a script, or a command on several keys, only if all the keys
// are in one hash slot, which depends on the part of a key between braces. A
// logout must be one atomic step on a record, its indexes and the queue, and
// knows only the record's ID. So the keys are divided into spaces by a hash of
// that ID, and all keys of a space are in one slot:
//
//	passport:{10}:record:ID         the record (record.go)
//	passport:{10}:subject:6:TENANT7:session:SUBJECT
//	                                the IDs of the subject's records in this space, by expiry
//	passport:{10}:sid:6:TENANT7:session:SID
//	                                the same for a sid
//	passport:{10}:revocation:ID     the revocation (record.go)
//	passport:{10}:fence             nothing; see replicas.go
//	passport:{10}:due:TENANT        the IDs of the tenant's revocations in this space, by due
//
// The numbers are the lengths of what follows them, so that no tenant and kind
// run together with a name.
//
// A query by subject, by sid or by due time asks all spaces, in one round trip to
// each node. A single server has one space, whose keys have no braces.

// space begins the name of every key in it.
type space string

// slotTags holds, for each 32nd of a Cluster's 16384 slots in turn, the smallest
// number that hashes to a slot in it, so that every node gets its share.
var slotTags = [32]string{
	"10", "113", "21", "3", "61", "72", "50", "43", "11", "112", "20", "2", "60", "73", "51", "42",
	"12", "111", "23", "1", "63", "70", "52", "41", "13", "110", "22", "0", "62", "71", "53", "40",
}

func newSpaces(prefix string, spread bool) []space {
	if !spread {
		return []space{space(prefix)}
	}
	spaces := make([]space, len(slotTags))
	for i, tag := range slotTags {
		spaces[i] = space(prefix + "{" + tag + "}:")
	}
	return spaces
}

// space returns the space of the record with that ID, and of its revocation. The hash,
// FNV-1a, must not change: records stored under another would not be found.
func (s *Store) space(id string) space {
	if len(s.spaces) == 1 {
		return s.spaces[0]
	}
	hash := uint32(2166136261)
	for i := range len(id) {
		hash = (hash ^ uint32(id[i])) * 16777619
	}
	return s.spaces[hash%uint32(len(s.spaces))]
}

func (p space) record(id string) string     { return string(p) + "record:" + id }
func (p space) revocation(id string) string { return string(p) + "revocation:" + id }
func (p space) fence() string               { return string(p) + "fence" }
func (p space) due(tenant string) string    { return string(p) + "due:" + tenant }

// index returns the index to search: that of the sid, if m has one, is shorter.
func (p space) index(m storage.Match) string {
	if m.SID != "" {
		return string(p) + "sid:" + scope(m.Tenant, m.Kind) + m.SID
	}
	return string(p) + "subject:" + scope(m.Tenant, m.Kind) + m.Subject
}

// scope is the part of an index's key before the name, as in lua/common.lua.
func scope(tenant string, kind storage.Kind) string {
	return strconv.Itoa(len(tenant)) + ":" + tenant + strconv.Itoa(len(kind)) + ":" + string(kind) + ":"
}
