package storagetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/passport-go/passport/storage"
)

// mutant is a way to break the reference.
type mutant struct {
	name    string
	open    func(now func() time.Time) []storage.TokenStore
	foundBy []string
}

// broken is the reference with a fault: a method that is set takes the place of
// that of the reference, which it finds under the same name in sound.
type broken struct {
	*bus
	sound *reference

	load        func(ctx context.Context, id string) (storage.Record, error)
	save        func(ctx context.Context, r storage.Record) (storage.Record, error)
	del         func(ctx context.Context, id string) (storage.Record, error)
	delMatching func(ctx context.Context, m storage.Match) ([]storage.Record, error)
	list        func(ctx context.Context, m storage.Match) ([]storage.Record, error)

	delAndEnqueue         func(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error)
	delMatchingAndEnqueue func(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error)
	enqueue               func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error)
	claim                 func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error)
	retry                 func(ctx context.Context, d storage.Revocation, due time.Time) error
	complete              func(ctx context.Context, d storage.Revocation) error
	count                 func(ctx context.Context, tenant string) (storage.RevocationCount, error)

	notify func(ctx context.Context, ids ...string) error
	listen func(ctx context.Context, ready func(), ended func(string)) error
}

func newBroken(now func() time.Time) *broken {
	sound := newReference(now)
	bus := newBus(sound)
	return &broken{
		bus: bus, sound: sound,
		load: sound.Load, save: sound.Save, del: sound.Delete, delMatching: sound.DeleteMatching, list: sound.List,
		delAndEnqueue: sound.DeleteAndEnqueue, delMatchingAndEnqueue: sound.DeleteMatchingAndEnqueue, enqueue: sound.Enqueue,
		claim: sound.Claim, retry: sound.Retry, complete: sound.Complete, count: sound.CountRevocations,
		notify: bus.Notify, listen: bus.Listen,
	}
}

func (b *broken) Load(ctx context.Context, id string) (storage.Record, error) { return b.load(ctx, id) }
func (b *broken) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	return b.save(ctx, r)
}
func (b *broken) Delete(ctx context.Context, id string) (storage.Record, error) {
	return b.del(ctx, id)
}
func (b *broken) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return b.delMatching(ctx, m)
}
func (b *broken) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	return b.list(ctx, m)
}
func (b *broken) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	return b.delAndEnqueue(ctx, id, lease)
}
func (b *broken) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	return b.delMatchingAndEnqueue(ctx, m, lease)
}
func (b *broken) Enqueue(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
	return b.enqueue(ctx, r, lease)
}
func (b *broken) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	return b.claim(ctx, tenant, n, lease)
}
func (b *broken) Retry(ctx context.Context, d storage.Revocation, due time.Time) error {
	return b.retry(ctx, d, due)
}
func (b *broken) Complete(ctx context.Context, d storage.Revocation) error { return b.complete(ctx, d) }
func (b *broken) CountRevocations(ctx context.Context, tenant string) (storage.RevocationCount, error) {
	return b.count(ctx, tenant)
}
func (b *broken) Notify(ctx context.Context, ids ...string) error { return b.notify(ctx, ids...) }
func (b *broken) Listen(ctx context.Context, ready func(), ended func(string)) error {
	return b.listen(ctx, ready, ended)
}

// faulty is a mutant of one store.
func faulty(name string, fault func(*broken), foundBy ...string) mutant {
	return mutant{name: name, foundBy: foundBy, open: func(now func() time.Time) []storage.TokenStore {
		b := newBroken(now)
		fault(b)
		return []storage.TokenStore{b}
	}}
}

var mutants = slices.Concat(recordMutants, matchMutants, tenantMutants, dataMutants, contextMutants, racyMutants, queueMutants, counterMutants, notifierMutants, sharedMutants)

var recordMutants = []mutant{
	faulty("finds an empty record", func(b *broken) {
		b.load = func(ctx context.Context, id string) (storage.Record, error) {
			r, err := b.sound.Load(ctx, id)
			if errors.Is(err, storage.ErrNotFound) {
				err = nil
			}
			return r, err
		}
	}, "an empty store has nothing", "a deleted record does not come back"),

	faulty("keeps whole seconds", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			r.Expiry = r.Expiry.Truncate(time.Second)
			return b.sound.Save(ctx, r)
		}
	}, "a record comes back as it was saved", "a record is absent from its expiry on", "times between two milliseconds"),

	faulty("cleans up by whole seconds", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			b.sound.mu.Lock()
			maps.DeleteFunc(b.sound.records, func(_ string, old storage.Record) bool { return old.Expiry.Unix() <= b.sound.now().Unix() })
			b.sound.mu.Unlock()
			return b.sound.Save(ctx, r)
		}
	}, "writes leave alone what still lives"),

	faulty("keeps the first sid", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			if old, err := b.sound.Load(ctx, r.ID); err == nil && r.Revision != 0 {
				r.SID = old.SID
			}
			return b.sound.Save(ctx, r)
		}
	}, "a save replaces all but the ID", "the index follows a changed subject and sid"),

	faulty("keeps the first expiry", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			if old, err := b.sound.Load(ctx, r.ID); err == nil && r.Revision != 0 {
				r.Expiry = old.Expiry
			}
			return b.sound.Save(ctx, r)
		}
	}, "expiry moves with a save", "random calls are answered as the contract says"),

	faulty("counts in twos", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(r *storage.Record) { r.Revision++ })
		}
	}, "revisions count up from one"),

	faulty("lets the last writer win", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			if old, err := b.sound.Load(ctx, r.ID); err == nil {
				r.Revision = old.Revision
			}
			return b.sound.Save(ctx, r)
		}
	}, "an old or future revision is a conflict", "a second create is a conflict", "of many creators one wins", "of many writers one wins"),

	faulty("updates what has expired", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			b.sound.mu.Lock()
			if old, ok := b.sound.records[r.ID]; ok {
				old.Expiry = old.Expiry.Add(24 * lifetime)
				b.sound.records[r.ID] = old
			}
			b.sound.mu.Unlock()
			return b.sound.Save(ctx, r)
		}
	}, "an expired record can only be created anew"),

	faulty("takes the same bytes for the same call", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			next := r
			next.Revision++
			if old, err := b.sound.Load(ctx, r.ID); err == nil && equal(old, next) {
				return old, nil
			}
			return b.sound.Save(ctx, r)
		}
	}, "a second create is a conflict", "an old or future revision is a conflict"),

	faulty("brings back what was deleted", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			if _, err := b.sound.Load(ctx, r.ID); errors.Is(err, storage.ErrNotFound) {
				r.Revision = 0
			}
			return b.sound.Save(ctx, r)
		}
	}, "a deleted record does not come back", "nothing comes back after a delete", "DeleteAndEnqueue turns a record into a revocation"),

	faulty("remembers the deleted for ever", func(b *broken) {
		deleted := map[string]bool{}
		b.del = func(ctx context.Context, id string) (storage.Record, error) {
			deleted[id] = true
			return b.sound.Delete(ctx, id)
		}
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			if deleted[r.ID] {
				return storage.Record{}, storage.ErrConflict
			}
			return b.sound.Save(ctx, r)
		}
	}, "a deleted ID can be created anew"),

	faulty("returns what it was given beside its error", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			if err != nil {
				return r, err
			}
			return saved, nil
		}
	}, "an error comes without a record"),

	faulty("mistakes bad input for a missing record", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			if kind(err) == errOther {
				err = storage.ErrNotFound
			}
			return saved, err
		}
	}, "bad records are refused"),

	faulty("never expires", func(b *broken) {
		b.load = func(_ context.Context, id string) (storage.Record, error) {
			b.sound.mu.Lock()
			defer b.sound.mu.Unlock()
			r, ok := b.sound.records[id]
			if !ok {
				return r, storage.ErrNotFound
			}
			return r, nil
		}
	}, "a record is absent from its expiry on", "expiry moves with a save"),

	faulty("goes by the clock of the system", func(b *broken) { b.sound.now = time.Now },
		"a record is absent from its expiry on", "an expired record can only be created anew"),

	faulty("takes a time to live of more than 30 days for a date", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(saved *storage.Record) {
				if saved.Expiry.Sub(b.sound.now()) > 30*24*time.Hour {
					saved.Expiry = b.sound.now()
				}
			})
		}
	}, "a record may live for years"),

	faulty("counts revisions in a byte", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(saved *storage.Record) { saved.Revision %= uint64(rounds(1 << 8)) })
		}
	}, "revisions count on beyond a byte"),
}

// rewrite changes what has just been stored.
func (b *broken) rewrite(r storage.Record, err error, change func(*storage.Record)) (storage.Record, error) {
	if err != nil {
		return r, err
	}
	b.sound.mu.Lock()
	defer b.sound.mu.Unlock()
	change(&r)
	b.sound.put(r)
	return r, nil
}

// selecting is a store whose DeleteMatching and List go by another selection.
func selecting(name string, selects func(b *broken, m storage.Match, r storage.Record) bool, foundBy ...string) mutant {
	return faulty(name, func(b *broken) {
		b.list = func(ctx context.Context, m storage.Match) (found []storage.Record, err error) {
			b.sound.mu.Lock()
			defer b.sound.mu.Unlock()
			for _, r := range b.sound.records {
				if selects(b, m, r) {
					found = append(found, r)
				}
			}
			return found, ctx.Err()
		}
		b.delMatching = func(ctx context.Context, m storage.Match) (removed []storage.Record, err error) {
			found, _ := b.list(ctx, m)
			for _, r := range found {
				b.sound.mu.Lock()
				delete(b.sound.records, r.ID)
				b.sound.mu.Unlock()
			}
			return found, ctx.Err()
		}
		b.delMatchingAndEnqueue = func(ctx context.Context, m storage.Match, lease time.Duration) (enqueued []storage.Revocation, err error) {
			found, _ := b.list(ctx, m)
			for _, r := range found {
				d, err := b.sound.DeleteAndEnqueue(ctx, r.ID, lease)
				if err == nil {
					enqueued = append(enqueued, d)
				}
			}
			return enqueued, ctx.Err()
		}
	}, foundBy...)
}

func (b *broken) isLive(r storage.Record) bool { return b.sound.now().Before(r.Expiry) }

var matchMutants = []mutant{
	selecting("ignores case", func(b *broken, m storage.Match, r storage.Record) bool {
		m.Subject, r.Subject = strings.ToLower(m.Subject), strings.ToLower(r.Subject)
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching by subject", "any text is an ID, a subject and a sid"),

	selecting("selects by prefix", func(b *broken, m storage.Match, r storage.Record) bool {
		return b.isLive(r) && strings.HasPrefix(r.Subject, m.Subject) && strings.HasPrefix(r.SID, m.SID) && m.Except != r.ID
	}, "DeleteMatching by subject", "DeleteMatching by sid"),

	selecting("has one index for both", func(b *broken, m storage.Match, r storage.Record) bool {
		if m.Subject == "" && r.Subject == m.SID {
			r.SID = r.Subject
		}
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching by sid"),

	selecting("selects by either", func(b *broken, m storage.Match, r storage.Record) bool {
		return b.isLive(r) && (m.Subject == r.Subject && r.Subject != "" || m.SID == r.SID && r.SID != "") && m.Except != r.ID
	}, "DeleteMatching by subject and sid"),

	selecting("forgets Except", func(b *broken, m storage.Match, r storage.Record) bool {
		m.Except = ""
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching spares Except", "List selects as DeleteMatching does", "DeleteMatchingAndEnqueue turns what it selects into revocations"),

	selecting("spares by prefix", func(b *broken, m storage.Match, r storage.Record) bool {
		if m.Except != "" && strings.HasPrefix(r.ID, m.Except) {
			return false
		}
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching spares Except"),

	selecting("takes an empty match for all", func(b *broken, m storage.Match, r storage.Record) bool {
		return b.isLive(r) && selects(m, r)
	}, "an empty match is refused", "List refuses an empty match"),

	selecting("takes an empty field for any", func(b *broken, m storage.Match, r storage.Record) bool {
		return b.isLive(r) && (selects(m, r) || r.Subject == "" || r.SID == "")
	}, "an empty field is not indexed"),

	selecting("finds the expired", func(_ *broken, m storage.Match, r storage.Record) bool {
		return selects(m, r)
	}, "DeleteMatching leaves out what has expired", "List leaves out what has expired or is gone"),

	selecting("cuts names at NUL", func(b *broken, m storage.Match, r storage.Record) bool {
		m.Subject, _, _ = strings.Cut(m.Subject, "\x00")
		m.SID, _, _ = strings.Cut(m.SID, "\x00")
		kind, _, _ := strings.Cut(string(m.Kind), "\x00")
		m.Kind = storage.Kind(kind)
		return b.isLive(r) && selects(m, r)
	}, "a name that no record can have is not there"),

	selecting("looks through all records", func(b *broken, m storage.Match, r storage.Record) bool {
		return b.isLive(r) && selects(m, r)
	}, "DeleteMatching goes through an index"),

	selecting("joins subject and sid", func(b *broken, m storage.Match, r storage.Record) bool {
		if m.Subject != "" && m.SID != "" {
			return b.isLive(r) && m.Subject+":"+m.SID == r.Subject+":"+r.SID && m.Except != r.ID
		}
		return b.isLive(r) && selects(m, r)
	}, "keys are not taken apart or joined"),

	faulty("has an index that is never updated", func(b *broken) {
		first := map[string]storage.Record{}
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			if r.Revision == 0 {
				first[r.ID] = r
			}
			return b.sound.Save(ctx, r)
		}
		b.delMatching = func(ctx context.Context, m storage.Match) (removed []storage.Record, err error) {
			for id, r := range first {
				if selects(m, r) {
					if r, err := b.sound.Delete(ctx, id); err == nil {
						removed = append(removed, r)
					}
				}
			}
			return removed, nil
		}
	}, "the index follows a changed subject and sid", "random calls are answered as the contract says"),

	faulty("has an index that ends with the record that was saved last", func(b *broken) {
		ends := map[string]time.Time{}
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			ends["subject "+r.Subject], ends["sid "+r.SID] = r.Expiry, r.Expiry
			return b.sound.Save(ctx, r)
		}
		b.delMatching = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
			now := b.sound.now()
			if m.Subject != "" && !now.Before(ends["subject "+m.Subject]) || m.SID != "" && !now.Before(ends["sid "+m.SID]) {
				return nil, nil
			}
			return b.sound.DeleteMatching(ctx, m)
		}
	}, "an index lasts as long as the last of its records"),

	faulty("deletes by prefix", func(b *broken) {
		b.del = func(ctx context.Context, id string) (storage.Record, error) {
			r, err := b.sound.Delete(ctx, id)
			b.sound.mu.Lock()
			defer b.sound.mu.Unlock()
			maps.DeleteFunc(b.sound.records, func(other string, _ storage.Record) bool { return strings.HasPrefix(other, id) })
			return r, err
		}
	}, "Delete leaves the neighbours of an ID"),

	faulty("stops after a batch", func(b *broken) {
		b.list = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
			found, err := b.sound.List(ctx, m)
			return found[:min(25, len(found))], err
		}
		b.delMatching = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
			found, err := b.list(ctx, m)
			for _, r := range found {
				_, _ = b.sound.Delete(ctx, r.ID)
			}
			return found, err
		}
		b.delMatchingAndEnqueue = func(ctx context.Context, m storage.Match, lease time.Duration) (enqueued []storage.Revocation, err error) {
			found, err := b.list(ctx, m)
			for _, r := range found {
				d, _ := b.sound.DeleteAndEnqueue(ctx, r.ID, lease)
				enqueued = append(enqueued, d)
			}
			return enqueued, err
		}
	}, "DeleteMatching removes many", "List lists many", "DeleteMatchingAndEnqueue and Claim take many"),
}

var dataMutants = []mutant{
	faulty("keeps 64 KB at most", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			r.Data = r.Data[:min(len(r.Data), 64<<10)]
			return b.sound.Save(ctx, r)
		}
	}, "Data of any size and content"),

	faulty("keeps text", func(b *broken) {
		text := func(r storage.Record) storage.Record {
			r.Data = bytes.ToValidUTF8(r.Data, nil)
			return r
		}
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			return b.sound.Save(ctx, text(r))
		}
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			return b.sound.Enqueue(ctx, text(r), lease)
		}
	}, "Data of any size and content", "revocations of any size and content"),

	faulty("fails for an ID that is not UTF-8", func(b *broken) {
		b.load = func(ctx context.Context, id string) (storage.Record, error) {
			if !utf8.ValidString(id) {
				return storage.Record{}, errors.New("invalid byte sequence")
			}
			return b.sound.Load(ctx, id)
		}
	}, "a name that no record can have is not there"),

	faulty("keeps what was decoded from the version before", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			if r.Revision == 0 {
				return saved, err
			}
			return b.rewrite(saved, err, func(saved *storage.Record) { saved.KeepDecodedOf(&r) })
		}
	}, "what was decoded belongs to one version"),

	faulty("has one place for all that was decoded", func(b *broken) {
		var one storage.Record
		one.KeepDecoded()
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(saved *storage.Record) { saved.KeepDecodedOf(&one) })
		}
	}, "what was decoded belongs to one version"),

	faulty("keeps the caller's bytes", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			data := r.Data
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(r *storage.Record) { r.Data = data })
		}
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			d, err := b.sound.Enqueue(ctx, r, lease)
			d.Record.Data = r.Data
			b.sound.revocations[r.ID] = d
			return d, err
		}
	}, "the bytes handed in stay the caller's", "Enqueue keeps no alias"),

	faulty("writes over the bytes it handed out", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			old, _ := b.sound.Load(ctx, r.ID)
			saved, err := b.sound.Save(ctx, r)
			if err != nil || len(old.Data) != len(r.Data) {
				return saved, err
			}
			return b.rewrite(saved, err, func(r *storage.Record) {
				copy(old.Data, r.Data)
				r.Data = old.Data
			})
		}
	}, "the bytes handed out do not change"),

	faulty("hands out the same bytes again", func(b *broken) {
		buffer := make([]byte, 1<<20)
		b.list = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
			found, err := b.sound.List(ctx, m)
			for i := range found {
				found[i].Data = buffer[:copy(buffer, found[i].Data)]
			}
			return found, err
		}
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
			claimed, err := b.sound.Claim(ctx, tenant, n, lease)
			for i, d := range claimed {
				claimed[i].Record.Data = buffer[:copy(buffer, d.Record.Data)]
			}
			return claimed, err
		}
	}, "the bytes that List hands out do not change", "the bytes of a revocation do not change"),

	faulty("hands out the same slice again", func(b *broken) {
		records := make([]storage.Record, 0, 1)
		b.delMatching = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
			removed, err := b.sound.DeleteMatching(ctx, m)
			return append(records[:0], removed...), err
		}
		enqueued := make([]storage.Revocation, 0, 1)
		b.delMatchingAndEnqueue = func(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
			removed, err := b.sound.DeleteMatchingAndEnqueue(ctx, m, lease)
			return append(enqueued[:0], removed...), err
		}
	}, "the records handed out do not change", "the revocations handed out do not change"),

	faulty("claims into the same slice again", func(b *broken) {
		claimed := make([]storage.Revocation, 0, 1)
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
			due, err := b.sound.Claim(ctx, tenant, n, lease)
			return append(claimed[:0], due...), err
		}
	}, "the revocations handed out do not change"),

	faulty("leaves room behind the bytes", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			saved, err := b.sound.Save(ctx, r)
			return b.rewrite(saved, err, func(r *storage.Record) { r.Data = append(make([]byte, 0, 4096), r.Data...) })
		}
	}, "appending to the bytes handed out is safe"),

	faulty("trims space", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			r.ID = strings.TrimSpace(r.ID)
			return b.sound.Save(ctx, r)
		}
		b.notify = func(ctx context.Context, ids ...string) error {
			for _, id := range ids {
				if err := b.bus.Notify(ctx, strings.Fields(id)...); err != nil {
					return err
				}
			}
			return nil
		}
	}, "any text is an ID, a subject and a sid", "a notice of any size and content"),
}

var contextMutants = []mutant{
	faulty("ignores the context", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			return b.sound.Save(context.WithoutCancel(ctx), r)
		}
	}, "a cancelled context has no effect", "a passed deadline has no effect"),

	faulty("looks at the context too late", func(b *broken) {
		b.delMatching = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
			removed, _ := b.sound.DeleteMatching(context.WithoutCancel(ctx), m)
			return removed, ctx.Err()
		}
	}, "a cancelled context has no effect", "a passed deadline has no effect"),

	faulty("looks at the context too late for a revocation", func(b *broken) {
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
			claimed, _ := b.sound.Claim(context.WithoutCancel(ctx), tenant, n, lease)
			return claimed, ctx.Err()
		}
	}, "a cancelled context has no effect", "a passed deadline has no effect"),

	faulty("counts whatever the context says", func(b *broken) {
		b.count = func(ctx context.Context, tenant string) (storage.RevocationCount, error) {
			return b.sound.CountRevocations(context.WithoutCancel(ctx), tenant)
		}
	}, "a cancelled context has no effect", "a passed deadline has no effect"),

	faulty("says of every failure that there is no record", func(b *broken) {
		b.load = func(ctx context.Context, id string) (storage.Record, error) {
			r, err := b.sound.Load(ctx, id)
			if err != nil {
				err = errors.Join(storage.ErrNotFound, err)
			}
			return r, err
		}
	}, "a cancelled context has no effect", "a passed deadline has no effect"),

	faulty("says of every failure of the queue that another was faster", func(b *broken) {
		b.complete = func(ctx context.Context, d storage.Revocation) error {
			if err := b.sound.Complete(ctx, d); err != nil {
				return errors.Join(storage.ErrConflict, err)
			}
			return nil
		}
	}, "a cancelled context has no effect", "a passed deadline has no effect"),

	faulty("takes a look-up that was cancelled for one that found nothing", func(b *broken) {
		b.load = func(ctx context.Context, id string) (storage.Record, error) {
			if err := ctx.Err(); err != nil {
				return storage.Record{}, err
			}
			r, err := b.sound.Load(ctx, id)
			if err != nil {
				err = storage.ErrNotFound
			}
			return r, err
		}
	}, "a context cancelled meanwhile gives no wrong answer"),

	faulty("ends a list where the context is cancelled", func(b *broken) {
		b.delMatching = func(ctx context.Context, m storage.Match) (removed []storage.Record, _ error) {
			found, _ := b.sound.List(ctx, m)
			for _, r := range found {
				if gone, err := b.sound.Delete(ctx, r.ID); err == nil {
					removed = append(removed, gone)
				}
			}
			return removed, nil
		}
	}, "a context cancelled meanwhile gives no wrong answer"),

	faulty("stops in the middle of a save", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			old, err := b.sound.Load(ctx, r.ID)
			if err == nil {
				half := r
				half.Data = old.Data
				if r, err = b.sound.Save(ctx, half); err != nil {
					return r, err
				}
				time.Sleep(time.Millisecond) // on its way to the disk
				r.Data = sequence(5000)
				r.Revision = half.Revision
				if ctx.Err() != nil {
					return storage.Record{}, ctx.Err()
				}
				return b.rewrite(r, nil, func(r *storage.Record) { r.Revision++ })
			}
			return b.sound.Save(ctx, r)
		}
	}, "a context cancelled meanwhile leaves nothing half done"),
}

// gap is where a store that is not atomic lets others in.
func gap() { time.Sleep(500 * time.Microsecond) }

func racySave(b *broken) {
	b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
		old, err := b.sound.Load(ctx, r.ID)
		switch {
		case err != nil && r.Revision != 0:
			return storage.Record{}, err
		case old.Revision != r.Revision:
			return storage.Record{}, storage.ErrConflict
		}
		gap()
		r.Revision++
		return b.rewrite(r, nil, func(*storage.Record) {})
	}
}

var racyMutants = []mutant{
	faulty("reads, then writes", racySave, "of many creators one wins", "of many writers one wins",
		"nothing comes back after a delete", "thousands of callers lose no update", "random calls at once are linearizable"),

	faulty("reads, then deletes", func(b *broken) {
		b.del = func(ctx context.Context, id string) (storage.Record, error) {
			r, err := b.sound.Load(ctx, id)
			gap()
			_, _ = b.sound.Delete(ctx, id)
			return r, err
		}
	}, "of many deleters one gets the record", "random calls at once are linearizable"),

	faulty("lists, then deletes", func(b *broken) {
		b.delMatching = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
			found, err := b.sound.List(ctx, m)
			gap()
			for _, r := range found {
				_, _ = b.sound.Delete(ctx, r.ID)
			}
			return found, err
		}
	}, "of many deleters one gets the record", "logins and logouts of one user leave nothing behind", "random calls at once are linearizable"),

	faulty("changes the index after the record", func(b *broken) {
		b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
			hidden := r
			hidden.Subject, hidden.SID = "", ""
			saved, err := b.sound.Save(ctx, hidden)
			gap()
			b.sound.mu.Lock()
			defer b.sound.mu.Unlock()
			if now, ok := b.sound.records[r.ID]; err == nil && ok && now.Revision == saved.Revision {
				now.Subject, now.SID = r.Subject, r.SID
				b.sound.put(now)
			}
			saved.Subject, saved.SID = r.Subject, r.SID
			return saved, err
		}
	}, "random calls at once are linearizable"),
}

var queueMutants = []mutant{
	faulty("enqueues and keeps", func(b *broken) {
		b.delAndEnqueue = func(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
			r, err := b.sound.Load(ctx, id)
			if err != nil {
				return storage.Revocation{}, err
			}
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "DeleteAndEnqueue turns a record into a revocation", "of many deleters one gets the record"),

	faulty("enqueues what is not there", func(b *broken) {
		b.delAndEnqueue = func(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
			if d, err := b.sound.DeleteAndEnqueue(ctx, id, lease); !errors.Is(err, storage.ErrNotFound) {
				return d, err
			}
			_, _ = b.sound.Enqueue(ctx, storage.Record{ID: id}, lease)
			return storage.Revocation{}, storage.ErrNotFound
		}
	}, "DeleteAndEnqueue of a missing record enqueues nothing"),

	faulty("deletes, then enqueues", func(b *broken) {
		b.delAndEnqueue = func(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
			r, err := b.sound.Delete(ctx, id)
			if err != nil {
				return storage.Revocation{}, err
			}
			gap()
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "a revocation is there once the record is not"),

	faulty("deletes, then enqueues, at once", func(b *broken) {
		b.delAndEnqueue = func(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
			r, err := b.sound.Delete(ctx, id)
			if err != nil {
				return storage.Revocation{}, err
			}
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "a context cancelled between two steps loses no revocation"),

	faulty("deletes all, then enqueues", func(b *broken) {
		b.delMatchingAndEnqueue = func(ctx context.Context, m storage.Match, lease time.Duration) (enqueued []storage.Revocation, err error) {
			removed, err := b.sound.DeleteMatching(ctx, m)
			for _, r := range removed {
				d, err := b.sound.Enqueue(ctx, r, lease)
				if err != nil {
					return enqueued, err
				}
				enqueued = append(enqueued, d)
			}
			return enqueued, err
		}
	}, "a context cancelled between two steps loses no revocation"),

	faulty("stops between the record and the revocation", func(b *broken) {
		b.delAndEnqueue = func(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
			r, err := b.sound.Delete(ctx, id)
			if err != nil {
				return storage.Revocation{}, err
			}
			time.Sleep(time.Millisecond) // on its way to the disk
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "a context cancelled meanwhile loses no revocation"),

	faulty("enqueues what it has read before", func(b *broken) {
		b.delAndEnqueue = func(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
			r, err := b.sound.Load(ctx, id)
			if err != nil {
				return storage.Revocation{}, err
			}
			gap()
			return b.removeAs(r, lease)
		}
	}, "nothing comes back after a delete"),

	faulty("enqueues all that it has read before", func(b *broken) {
		b.delMatchingAndEnqueue = func(ctx context.Context, m storage.Match, lease time.Duration) (enqueued []storage.Revocation, err error) {
			found, err := b.sound.List(ctx, m)
			gap()
			for _, r := range found {
				d, err := b.removeAs(r, lease)
				enqueued = append(enqueued, oneRevocation(d, err)...)
			}
			return enqueued, err
		}
	}, "nothing comes back after a delete"),

	faulty("stores what is enqueued", func(b *broken) {
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			_, _ = b.sound.Save(ctx, r)
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "Enqueue takes a record that was never stored"),

	faulty("lets the last revocation win", func(b *broken) {
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			b.sound.mu.Lock()
			delete(b.sound.revocations, r.ID)
			b.sound.mu.Unlock()
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "a second Enqueue is a conflict", "of many that enqueue one record one wins"),

	faulty("claims early", func(b *broken) {
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
			now := b.sound.now
			early := &reference{now: func() time.Time { return now().Add(time.Millisecond) }, revocations: b.sound.revocations}
			return early.Claim(ctx, tenant, n, lease)
		}
	}, "a revocation is leased until its Due"),

	faulty("claims in any order", func(b *broken) {
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
			if n > 0 {
				all, err := b.sound.Claim(ctx, tenant, 1000, 0)
				slices.Reverse(all)
				return b.claimAll(all[:min(n, len(all))], lease), err
			}
			return nil, ctx.Err()
		}
	}, "Claim returns the oldest Due first"),

	faulty("claims without a lease", func(b *broken) {
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
			b.sound.mu.Lock()
			due := b.sound.due(tenant, nil)
			b.sound.mu.Unlock()
			gap()
			return b.claimAll(due[:min(n, len(due))], lease), ctx.Err()
		}
	}, "a revocation is claimed by one caller"),

	faulty("does not count attempts", func(b *broken) {
		b.retry = func(ctx context.Context, d storage.Revocation, due time.Time) error {
			err := b.sound.Retry(ctx, d, due)
			stored := b.sound.revocations[d.Record.ID]
			stored.Attempts = 0
			b.sound.revocations[d.Record.ID] = stored
			return err
		}
	}, "Retry makes a revocation due again"),

	faulty("looks at the lease, then retries", func(b *broken) {
		b.retry = func(ctx context.Context, d storage.Revocation, due time.Time) error {
			stored, err := b.stillHeld(ctx, d)
			if err != nil {
				return err
			}
			gap()
			stored.Due = due
			stored.Attempts++
			b.sound.mu.Lock()
			defer b.sound.mu.Unlock()
			b.sound.revocations[d.Record.ID] = stored
			return nil
		}
		b.complete = func(ctx context.Context, d storage.Revocation) error {
			if _, err := b.stillHeld(ctx, d); err != nil {
				return err
			}
			gap()
			b.sound.mu.Lock()
			defer b.sound.mu.Unlock()
			delete(b.sound.revocations, d.Record.ID)
			return nil
		}
	}, "a revocation is completed or claimed anew, not both", "a lease is good once"),

	faulty("keeps a Due less exactly than it hands it out", func(b *broken) {
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			d, err := b.sound.Enqueue(ctx, r, lease)
			if err == nil {
				kept := d
				kept.Due = d.Due.Truncate(time.Millisecond)
				b.sound.mu.Lock()
				b.sound.revocations[r.ID] = kept
				b.sound.mu.Unlock()
			}
			return d, err
		}
	}, "a lease that ends between two milliseconds"),

	faulty("takes the record from whoever retries", func(b *broken) {
		b.retry = func(ctx context.Context, d storage.Revocation, due time.Time) error {
			err := b.sound.Retry(ctx, d, due)
			if stored, ok := b.sound.revocations[d.Record.ID]; ok && err == nil {
				stored.Record = d.Record
				b.sound.revocations[d.Record.ID] = stored
			}
			return err
		}
	}, "Retry makes a revocation due again"),

	faulty("retries by the lease at least", func(b *broken) {
		b.retry = func(ctx context.Context, d storage.Revocation, due time.Time) error {
			if due.Before(d.Due) {
				due = d.Due
			}
			return b.sound.Retry(ctx, d, due)
		}
	}, "a retried revocation can come due at once"),

	faulty("does not complete", func(b *broken) {
		b.complete = func(context.Context, storage.Revocation) error { return nil }
	}, "Complete ends a revocation"),

	faulty("lets anybody complete", func(b *broken) {
		b.complete = func(ctx context.Context, d storage.Revocation) error {
			d.Due = b.sound.revocations[d.Record.ID].Due
			return b.sound.Complete(ctx, d)
		}
	}, "a lost lease changes nothing"),

	faulty("completes for everybody", func(b *broken) {
		b.complete = func(ctx context.Context, d storage.Revocation) error {
			b.sound.mu.Lock()
			_, err := b.sound.leased(ctx, d)
			b.sound.mu.Unlock()
			if err == nil {
				gap()
				_ = b.sound.Complete(ctx, d)
				return b.sound.Retry(ctx, d, d.Due)
			}
			return err
		}
	}, "every revocation is completed once"),

	faulty("forgets revocations with their records", func(b *broken) {
		b.claim = func(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
			claimed, err := b.sound.Claim(ctx, tenant, n, lease)
			return slices.DeleteFunc(claimed, func(d storage.Revocation) bool { return !b.isLive(d.Record) }), err
		}
	}, "a revocation outlives its record's expiry"),

	faulty("keeps a revocation in the place of its record", func(b *broken) {
		b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
			_, _ = b.sound.Delete(ctx, r.ID)
			return b.sound.Enqueue(ctx, r, lease)
		}
	}, "revocations and records do not mix"),
}

// removeAs removes the record that is stored now, and enqueues r.
func (b *broken) removeAs(r storage.Record, lease time.Duration) (storage.Revocation, error) {
	b.sound.mu.Lock()
	defer b.sound.mu.Unlock()
	if _, err := b.sound.live(r.ID); err != nil {
		return storage.Revocation{}, err
	}
	delete(b.sound.records, r.ID)
	return b.sound.enqueue(r, lease), nil
}

func (b *broken) stillHeld(ctx context.Context, d storage.Revocation) (storage.Revocation, error) {
	b.sound.mu.Lock()
	defer b.sound.mu.Unlock()
	return b.sound.leased(ctx, d)
}

// claimAll leases revocations without a look at whether others have.
func (b *broken) claimAll(revocations []storage.Revocation, lease time.Duration) []storage.Revocation {
	b.sound.mu.Lock()
	defer b.sound.mu.Unlock()
	for i := range revocations {
		revocations[i].Due = b.sound.now().Add(lease)
		b.sound.revocations[revocations[i].Record.ID] = revocations[i]
	}
	return revocations
}

var notifierMutants = []mutant{
	faulty("tells one listener", func(b *broken) {
		b.notify = func(_ context.Context, ids ...string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			for l := range b.listeners {
				for _, id := range ids {
					l <- id
				}
				break
			}
			return nil
		}
	}, "a listener that is ready hears each ID"),

	faulty("tells a hundred at most", func(b *broken) {
		b.notify = func(ctx context.Context, ids ...string) error {
			return b.bus.Notify(ctx, ids[:min(100, len(ids))]...)
		}
	}, "a notice of any size and content"),

	faulty("is ready too early", func(b *broken) {
		b.listen = func(ctx context.Context, ready func(), ended func(string)) error {
			if ready != nil {
				ready()
				time.Sleep(10 * time.Millisecond) // on its way to the server
			}
			return b.bus.Listen(ctx, nil, ended)
		}
	}, "a listener that is ready hears each ID"),

	faulty("ends without an error", func(b *broken) {
		b.listen = func(ctx context.Context, ready func(), ended func(string)) error {
			_ = b.bus.Listen(ctx, ready, ended)
			return nil
		}
	}, "Listen ends with its context"),

	faulty("needs ready", func(b *broken) {
		b.listen = func(ctx context.Context, ready func(), ended func(string)) error {
			if ready == nil {
				<-ctx.Done()
				return ctx.Err()
			}
			return b.bus.Listen(ctx, ready, ended)
		}
	}, "Listen without ready"),
}

var sharedMutants = []mutant{
	{"shares nothing", func(now func() time.Time) []storage.TokenStore {
		return []storage.TokenStore{newBus(newReference(now)), newBus(newReference(now))}
	}, []string{"each store sees what the other has done", "what one store enqueues the other can complete", "a listener that is ready hears each ID", "of many writers one wins"}},

	{"has indexes of its own", func(now func() time.Time) []storage.TokenStore {
		store := newReference(now)
		return []storage.TokenStore{secluded(store), secluded(store)}
	}, []string{"each store lists what the other has saved", "what one store has saved the other can enqueue", "each store counts what the other has enqueued"}},

	{"remembers what it has read", func(now func() time.Time) []storage.TokenStore {
		store := newReference(now)
		return []storage.TokenStore{store, caching(store)}
	}, []string{"each store sees what the other has done", "random calls at once are linearizable"}},
}

// secluded finds by its indexes only what it has stored itself.
func secluded(store *reference) storage.TokenStore {
	b := newBroken(store.now)
	b.sound = store
	b.load, b.del, b.delMatching, b.complete = store.Load, store.Delete, store.DeleteMatching, store.Complete
	saved, enqueued := map[string]bool{}, 0
	b.save = func(ctx context.Context, r storage.Record) (storage.Record, error) {
		saved[r.ID] = true
		return store.Save(ctx, r)
	}
	b.list = func(ctx context.Context, m storage.Match) ([]storage.Record, error) {
		found, err := store.List(ctx, m)
		return slices.DeleteFunc(found, func(r storage.Record) bool { return !saved[r.ID] }), err
	}
	b.delMatchingAndEnqueue = func(ctx context.Context, m storage.Match, lease time.Duration) (all []storage.Revocation, err error) {
		found, err := b.list(ctx, m)
		for _, r := range found {
			d, err := store.DeleteAndEnqueue(ctx, r.ID, lease)
			all = append(all, oneRevocation(d, err)...)
		}
		return all, err
	}
	b.enqueue = func(ctx context.Context, r storage.Record, lease time.Duration) (storage.Revocation, error) {
		enqueued++
		return store.Enqueue(ctx, r, lease)
	}
	b.count = func(ctx context.Context, tenant string) (n storage.RevocationCount, err error) {
		if enqueued > 0 {
			n, err = store.CountRevocations(ctx, tenant)
		}
		return n, err
	}
	return b
}

// caching answers Load from what it has loaded before.
func caching(store *reference) storage.TokenStore {
	b := newBroken(store.now)
	b.sound = store
	b.save, b.del, b.delMatching, b.list = store.Save, store.Delete, store.DeleteMatching, store.List
	loaded := make(chan map[string]storage.Record, 1)
	loaded <- map[string]storage.Record{}
	b.load = func(ctx context.Context, id string) (storage.Record, error) {
		cache := <-loaded
		defer func() { loaded <- cache }()
		if r, ok := cache[id]; ok {
			return r, nil
		}
		r, err := store.Load(ctx, id)
		if err == nil {
			cache[id] = r
		}
		return r, err
	}
	return b
}
