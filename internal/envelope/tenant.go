package envelope

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/passport-go/passport/storage"
)

const (
	// IDLength is that of 32 random or hashed bytes in unpadded base64url.
	IDLength = 43

	// tagLength is how much of an ID's end tells whose it is; what is in front of
	// it are 210 bits of a hash.
	tagLength = 8

	// prefixLength leaves room for a secret of IDLength in one block of SHA-256.
	prefixLength = 12
)

// Tenant is a client at an issuer: what it stores is nobody else's, though others
// share the store and the keys. Its records have its name and its IDs, and what is
// sealed in them is bound to it.
type Tenant struct {
	name    string
	digest  [sha256.Size]byte
	session [prefixLength]byte // for it is needed with each request

	adding sync.Mutex
	others atomic.Pointer[map[storage.Kind][prefixLength]byte] // of the other kinds that have been used
}

// NewTenant returns the tenant of a client at an issuer.
func NewTenant(issuer, clientID string) *Tenant {
	t := &Tenant{digest: digest("passport tenant", issuer, clientID)}
	t.name = base64.RawURLEncoding.EncodeToString(t.digest[:prefixLength])
	t.session = t.prefix(storage.KindSession)
	t.others.Store(&map[storage.Kind][prefixLength]byte{})
	return t
}

// digest hashes texts so that no two lists of them are the same.
func digest(texts ...string) [sha256.Size]byte {
	var b []byte
	for _, text := range texts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	return sha256.Sum256(b)
}

// Name is the Tenant of its records.
func (t *Tenant) Name() string { return t.name }

func (t *Tenant) tag() string { return t.name[:tagLength] }

// prefix is what the hash of an ID begins with, so that the ID of one tenant and
// kind can never be taken for that of another.
func (t *Tenant) prefix(kind storage.Kind) [prefixLength]byte {
	sum := digest("passport id", string(t.digest[:]), string(kind))
	return [prefixLength]byte(sum[:])
}

// prefixOf is prefix, which it computes once. Kinds are constants of the program, so
// there are few.
func (t *Tenant) prefixOf(kind storage.Kind) [prefixLength]byte {
	if known, ok := (*t.others.Load())[kind]; ok {
		return known
	}
	t.adding.Lock()
	defer t.adding.Unlock()
	all := maps.Clone(*t.others.Load())
	all[kind] = t.prefix(kind)
	t.others.Store(&all)
	return all[kind]
}

// ID derives the key of a record from its kind and a secret that only a browser
// holds. It ends with a tag of the tenant.
func (t *Tenant) ID(kind storage.Kind, secret string) string {
	id := t.IDBytes(kind, secret)
	return string(id[:])
}

// IDBytes is ID for those who need no string of it.
func (t *Tenant) IDBytes(kind storage.Kind, secret string) (text [IDLength]byte) {
	prefix := t.session
	if kind != storage.KindSession {
		prefix = t.prefixOf(kind)
	}
	var buf [64]byte
	sum := sha256.Sum256(append(append(buf[:0], prefix[:]...), secret...))
	base64.RawURLEncoding.Encode(text[:], sum[:])
	copy(text[IDLength-tagLength:], t.tag())
	return text
}

// Owns reports whether an ID is one of this tenant, as far as its tag tells.
func (t *Tenant) Owns(id string) bool { return len(id) == IDLength && strings.HasSuffix(id, t.tag()) }

// Record returns a record of this tenant to be filled in.
func (t *Tenant) Record(kind storage.Kind, secret string) storage.Record {
	return storage.Record{ID: t.ID(kind, secret), Tenant: t.name, Kind: kind}
}
