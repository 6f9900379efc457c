// Package storage is the contract between package passport and the places
// where sessions are kept. A backend implements [TokenStore]. The smaller interfaces
// ([RevocationQueue], [RevocationCounter], [Lister], [Notifier]) are optional, and
// package passport looks for them once, in passport.New. [Inspector] is for package
// storage/inspect.
//
// A store sees no secret: the ID is a hash of the session id, and Data is
// sealed by package passport before it gets here. A store does not interpret
// Data, and keeps no copy of a record that it has deleted.
//
// The suite in storage/storagetest checks what the comments below promise.
//
// # Writing a store
//
// These are easy to get wrong:
//
//   - Text is compared byte by byte. If your database ignores case or trailing spaces, or
//     rejects some bytes, use a binary column for every name.
//   - A caller may ask for an ID, or for a name in a Match, that no record can have. Such a
//     record does not exist, which is not an error of the store: the answer is ErrNotFound
//     or an empty list.
//   - A check and the write that depends on it must be one atomic step: a conditional
//     write, or a transaction whose isolation prevents lost updates.
//   - A call that was interrupted knows nothing about the record. Return the error of ctx,
//     or the database's, but never a sentinel of this package, and never part of a list
//     without an error. With database/sql, check Rows.Err, and if ctx has ended a
//     transaction, return the error of ctx instead of sql.ErrTxDone.
//   - A write whose response was lost may have taken effect. Return the error. A store that
//     repeats the write by itself must recognise its own first attempt: otherwise it
//     returns ErrConflict for a Save that succeeded.
//   - A stored time may be less precise than the one that was passed. Return what is
//     stored.
//   - You may remove expired records at any time, but nothing earlier, and never a
//     revocation. Clocks differ, so a time to live on the server should be longer than
//     Expiry, which alone decides.
//
// Without transactions (DynamoDB, etcd), keep a record and its revocation in one item, so
// that DeleteAndEnqueue is one conditional write. Write an index entry before the record
// that needs it, remove it afterwards, and check each record that an index leads to.
//
// # Wrapping a store
//
// A store that wraps another, to count calls or to cache, must have the optional
// interfaces of the inner store too. This wrapper hides them, because embedding an
// interface promotes only the methods of that interface:
//
//	type counting struct{ storage.TokenStore } // hides RevocationQueue, RevocationCounter, Lister and Notifier
//
// Then pending revocations are lost with the process, sessions cannot be listed,
// and other instances learn of a logout late. Embed the concrete type instead, or
// forward the methods:
//
//	type counting struct{ *postgres.Store }
//
// passport.New looks for such a wrapper and logs a warning. It recognises one by a
// field of an interface type that includes TokenStore, or by a method
//
//	Unwrap() storage.TokenStore
//
// which takes precedence. A wrapper that hides the interfaces on purpose returns
// nil there, and there is no warning.
package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Errors that callers act on. A store may wrap them; callers use errors.Is.
// Any other error means that the store could not answer, and that the state of
// the record is unknown.
var (
	// ErrNotFound reports that there is no live record under that ID: it was
	// never stored, was deleted, or has expired.
	ErrNotFound = errors.New("storage: no such record")

	// ErrConflict reports that the record, or the revocation, is no longer as the
	// caller read it, or that one to be created is there already.
	ErrConflict = errors.New("storage: changed by another writer")

	// ErrFull reports that a bounded store has no room for another record.
	// Records that are already stored can still be read, replaced and deleted.
	ErrFull = errors.New("storage: full")

	// ErrNotReplicated reports that a write was carried out, and that a fail-over may
	// still undo it: the store was told to wait for its replicas, and they did not
	// confirm in time. What the method returns beside it is as without it: the
	// stored record, or what was removed, which nobody else will be given. It may be
	// joined with ErrNotFound or ErrConflict; then it is what the method found that
	// a fail-over may undo.
	//
	// To be sure, do the same again until the error is gone: that writes again where
	// the store lost something, and waits again where it did not.
	ErrNotReplicated = errors.New("storage: done, but not yet safe from a fail-over")

	// ErrEmptyMatch reports a Match with neither Subject nor SID. It never
	// means "all records", and never "all of a tenant".
	ErrEmptyMatch = errors.New("storage: match names neither a subject nor a sid")
)

// Kind says what a record is. A store treats all kinds alike: it selects by Kind
// and never looks into it.
type Kind string

// The kinds of package passport's records.
const (
	KindSession       Kind = "session"        // a user's session
	KindLogin         Kind = "login"          // a login that has been used; its SID is the browser's binding
	KindReturnTo      Kind = "return-to"      // where a login leads, if that is too long for its state
	KindLoginStopped  Kind = "login-stopped"  // a binding whose logins a logout has stopped
	KindSuccessor     Kind = "successor"      // which session took the place of another
	KindToken         Kind = "token"          // a refresh token without a session, to be revoked
	KindLogoutMark    Kind = "logout-mark"    // when the provider ended a user's sessions
	KindBearerMark    Kind = "bearer-mark"    // up to when the bearer tokens of a session or a user are dead
	KindLogoutToken   Kind = "logout-token"   // a logout token that has been used (its jti)
	KindLogoutRequest Kind = "logout-request" // a logout request that its browser is to post
	KindLogoutHint    Kind = "logout-hint"    // whose session the provider is to end, for a logout that is not finished
	KindLogoutDone    Kind = "logout-done"    // a Passport session that is known to have ended
	KindBrowser       Kind = "browser"        // what a driver keeps for its one browser or user
)

// MaxTenant and MaxKind bound a record's Tenant and Kind, in bytes.
const (
	MaxTenant = 64
	MaxKind   = 64
)

// Record is one stored entry. ID, Subject and SID are UTF-8 text of at most 1 KB
// without NUL, Tenant and Kind the same within [MaxTenant] and [MaxKind]; two
// texts that differ in any byte are different. A store must accept every such record with
// Data of up to 1 MB, and may accept or refuse others.
type Record struct {
	// ID is the key, whatever the Tenant and Kind. It must not be empty. Package
	// passport derives it from the tenant, the kind and a secret. That of a session,
	// or of a token to be revoked, is used once; that of another kind may be created
	// anew when the record is gone.
	ID string

	// Tenant is whose record this is. Tenants share a store and nothing else:
	// what selects or claims in one never returns what belongs to another, and
	// a bound that one reaches does not stop another. Package passport derives
	// it from the issuer and the client ID. It may be empty, which is a tenant
	// like any other.
	Tenant string

	// Kind is what the record is. Records of different kinds may have the same
	// Subject or SID and are selected separately. It may be empty, which is a
	// kind like any other.
	Kind Kind

	// Subject is the OpenID Connect subject (sub), indexed within Tenant and
	// Kind unless empty.
	Subject string

	// SID is the OpenID Connect session id (sid), indexed within Tenant and
	// Kind unless empty.
	SID string

	// Revision is 0 for a record that is not stored yet; the store makes it 1
	// when it creates the record and adds 1 with each Save.
	Revision uint64

	// Expiry is absolute, and kept to the millisecond at least. A record is
	// absent from that moment on, whether or not it has been swept.
	Expiry time.Time

	// Data is opaque to the store; nil is the same as empty. The bytes that a store
	// returns are shared and must not be modified. The bytes that it is given belong to
	// the caller, so a store that keeps them in memory must copy them.
	Data []byte

	decoded *atomic.Value // see KeepDecoded
}

// KeepDecoded gives r a new place beside Data for what a reader decodes from it. A
// store whose records never leave the memory of this process calls it with each Save,
// and hands out the place with the record: copies of a Record share it. So a record is
// decoded once, and not with each Load. Any other store has no such place, and its
// readers decode each time.
//
// The place belongs to one version of a record, and no encoding of a Record has it.
func (r *Record) KeepDecoded() { r.decoded = new(atomic.Value) }

// KeepDecodedOf gives r the place of another copy of the same version.
func (r *Record) KeepDecodedOf(other *Record) { r.decoded = other.decoded }

// Decoded returns what was set last for this version of the record, or nil. It is
// shared with all who have loaded the record, and must not be modified.
func (r *Record) Decoded() any {
	if r.decoded == nil {
		return nil
	}
	return r.decoded.Load()
}

// SetDecoded sets what Decoded returns, if the store has a place for it. All values are
// of one type, which is package passport's, and nobody may modify them. Whoever reads
// one checks that it was decoded from this Data.
func (r *Record) SetDecoded(v any) {
	if r.decoded != nil {
		r.decoded.Store(v)
	}
}

// CheckScope returns an error for a Tenant or Kind that no store accepts: one
// that is too long, is not UTF-8, or contains NUL. Stores call it for every
// record they are to keep.
func CheckScope(r *Record) error {
	return errors.Join(checkText("Tenant", r.Tenant, MaxTenant), checkText("Kind", string(r.Kind), MaxKind))
}

func checkText(field, text string, most int) error {
	switch {
	case len(text) > most:
		return fmt.Errorf("storage: Record.%s has %d bytes: at most %d are allowed", field, len(text), most)
	case !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0:
		return fmt.Errorf("storage: Record.%s must be UTF-8 without NUL", field)
	}
	return nil
}

// Match selects records by what they are indexed by. Tenant and Kind must be
// equal, empty or not; so must Subject and SID, unless they are empty. At least
// one of Subject and SID must be set. A text that no record can have selects nothing.
type Match struct {
	Tenant string
	Kind   Kind

	Subject string
	SID     string

	// Except is the ID of one record to leave alone. Empty spares none.
	Except string
}

// TokenStore keeps records. All methods may be called from many goroutines at
// once. They honour ctx: one that is done before the call has an effect makes
// the call return its error, and none of the sentinels, and leave no half-written
// record behind.
//
// With an error, a method returns the zero value otherwise. The exceptions are
// [ErrNotReplicated], and what DeleteMatching had removed before its error.
//
// A store that waits for replicas may return [ErrNotReplicated] from every method
// that writes; see there.
type TokenStore interface {
	// Load returns the live record, or ErrNotFound.
	Load(ctx context.Context, id string) (Record, error)

	// Save stores r and returns it with its new Revision.
	//
	// At Revision 0 it creates the record, and returns ErrConflict if a live
	// one is there already. At any other Revision it replaces the record only
	// if the stored one is still at that Revision: otherwise it returns
	// ErrConflict, or ErrNotFound if there is none. So a writer that comes
	// after a Delete cannot bring a record back.
	//
	// Subject, SID and Expiry may change with a Save, and the indexes follow.
	// Tenant and Kind never change: a Save that would change one returns
	// ErrConflict. A record without an ID, one whose Tenant or Kind is out of
	// bounds, or one that has already expired, is refused, whatever is stored,
	// with an error that is none of the sentinels.
	Save(ctx context.Context, r Record) (Record, error)

	// Delete removes the record and returns it as it was, or ErrNotFound. Of
	// any number of callers at once, one gets the record.
	Delete(ctx context.Context, id string) (Record, error)

	// DeleteMatching removes every live record that m selects and returns
	// them, in no particular order; none is not an error. It goes through an
	// index: the cost follows the number of records removed, not the number
	// stored. A record is returned to one caller only, so an error may come with
	// the records that had been removed before it.
	DeleteMatching(ctx context.Context, m Match) ([]Record, error)
}

// Lister is implemented by stores that can list a user's records.
type Lister interface {
	// List returns the live records that m selects, through the same index as
	// DeleteMatching, in no particular order.
	List(ctx context.Context, m Match) ([]Record, error)
}

// Revocation is a removed record whose refresh token has yet to be revoked.
type Revocation struct {
	// Record is the record as it was when it was removed, Data still sealed.
	// Record.ID is the key of the revocation too. Record.Expiry plays no part:
	// a revocation outlives its session.
	Record Record

	// Since is when the revocation was enqueued, and Attempts how often it was
	// retried.
	Since    time.Time
	Attempts int

	// Due is the next moment at which the revocation may be claimed. Whoever
	// enqueued or claimed it has it leased until then, and ends the lease with
	// Complete or Retry, which may come later, as long as nobody else has claimed the
	// revocation. Due is the proof, and so it is exactly what is stored.
	Due time.Time
}

// RevocationQueue is implemented by stores that remember which refresh tokens
// have yet to be revoked. The queue lives as long as the records do: in a
// durable store it survives restarts. For a store without one, package passport
// keeps the queue in memory.
//
// The methods that enqueue may return [ErrNotReplicated], as those of [TokenStore].
// For the others a fail-over does no harm: at worst, a token is revoked twice.
//
// The IDs of what is enqueued are random and not used again, so a queue has at most one
// entry per ID, whatever the tenant. Each tenant has a queue of its own otherwise: a
// claim is for one tenant, and a bound holds for each. Times are kept to the millisecond
// at least. A lease is positive. A bounded queue that is full returns ErrFull, enqueues
// nothing, and leaves the record.
type RevocationQueue interface {
	// DeleteAndEnqueue is Delete and, in the same atomic step, enqueues the
	// record as a revocation that is leased to the caller. ErrNotFound, and nothing
	// enqueued, if the record is absent or has expired.
	DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (Revocation, error)

	// DeleteMatchingAndEnqueue is DeleteMatching and, in the same atomic step
	// for each record, enqueues it as a revocation that is leased to the caller. As
	// there, an error may come with what had been enqueued before it.
	DeleteMatchingAndEnqueue(ctx context.Context, m Match, lease time.Duration) ([]Revocation, error)

	// Enqueue adds r, which need not have been stored, as a revocation that is
	// leased to the caller. A record that is stored under the same ID stays.
	// ErrConflict if there is a revocation under that ID already. A record without an
	// ID, or whose Tenant or Kind is out of bounds, is refused as by Save; its Revision
	// and Expiry are kept as they are, zero or not.
	Enqueue(ctx context.Context, r Record, lease time.Duration) (Revocation, error)

	// Claim leases at most n revocations of tenant whose Due has come to the
	// caller, the oldest Due first, and returns them with their new Due. No
	// revocation is claimed by two callers at once. None due is not an error.
	Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]Revocation, error)

	// Retry ends the lease of r and makes it due again at due: Attempts grows
	// by one. ErrConflict if r.Due is not the stored one (another caller has
	// claimed it since), ErrNotFound if it is not, or no longer, in the queue of
	// its tenant. Of r, only Record.ID, Record.Tenant and Due count.
	Retry(ctx context.Context, r Revocation, due time.Time) error

	// Complete removes r from the queue, with the errors of Retry.
	Complete(ctx context.Context, r Revocation) error
}

// RevocationCount says how long a queue of revocations is.
type RevocationCount struct {
	// Pending is the number of revocations in the queue, due or not.
	Pending int

	// Oldest is the Since of the one that waits longest, and the zero Time if there
	// is none.
	Oldest time.Time
}

// RevocationCounter is implemented by stores with a [RevocationQueue] that can say how
// long it is, for monitoring.
type RevocationCounter interface {
	// CountRevocations counts the revocations of tenant. It changes nothing. The cost
	// may grow with the length of the queue, so call it a few times a minute at most.
	// A store may look for the Oldest only among the ten thousand that are due first.
	CountRevocations(ctx context.Context, tenant string) (RevocationCount, error)
}

// Notifier is implemented by stores that carry notices between the instances
// of a program that share them.
type Notifier interface {
	// Notify tells every listener, in this process and in others, that the
	// records with these IDs have ended. Delivery is best effort: listeners
	// look again from time to time.
	Notify(ctx context.Context, ids ...string) error

	// Listen calls ended, from one goroutine, with each ID it is told of, and
	// ready, which may be nil, once it is sure to hear of what comes next. It
	// returns when ctx is done or the connection is lost, always with a
	// non-nil error; the caller calls it again.
	Listen(ctx context.Context, ready func(), ended func(id string)) error
}
