// Package inspect finds out what is wrong with a program's store: whether it works, how
// long it takes, and whether its server or file is set up to keep what the SDK relies
// on. Only the program has the store's client, so it is the program that looks, for
// operators and for the command passport doctor:
//
//	admin := http.NewServeMux()
//	admin.Handle("GET /debug/passport/store", inspect.Handler(store))
//	go http.ListenAndServe("127.0.0.1:6060", admin)
//
//	passport doctor -store http://127.0.0.1:6060/debug/passport/store config.json
package inspect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/storage"
)

const (
	// timeout bounds one inspection.
	timeout = 10 * time.Second

	// loads is how often a record is read, and slow what the median of them is if the
	// store is too far away: each request of a signed-in user waits so long.
	loads = 5
	slow  = 25 * time.Millisecond
)

// Store inspects a store, within 10 s: it saves, reads and deletes a record of its own,
// takes one through the queue of revocations and, if the store is a [storage.Inspector]
// (or a wrapper with a method Unwrap around one), asks it about its settings. No
// findings: all is well. The findings are 100 at most, and their texts short, without
// control characters, whatever the Inspector returns.
func Store(ctx context.Context, store storage.TokenStore) []storage.Finding {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	findings := []storage.Finding{}
	took, unconfirmed, err := try(ctx, store)
	switch {
	case err != nil:
		findings = append(findings, found(unavailable, err.Error()))
	case unconfirmed != nil:
		findings = append(findings, found(notReplicated, unconfirmed.Error()))
	case took > slow:
		findings = append(findings, found(tooSlow, fmt.Sprintf("to read one record takes %s, in the median of %d", took.Round(time.Millisecond), loads)))
	}
	if queue, ok := store.(storage.RevocationQueue); !ok {
		findings = append(findings, found(noQueue, fmt.Sprintf("%T is not a storage.RevocationQueue", store)))
	} else if err == nil {
		if err := tryQueue(ctx, queue); err != nil {
			findings = append(findings, found(brokenQueue, err.Error()))
		}
	}
	inspector := inspectorIn(store)
	if inspector == nil {
		return findings
	}
	settings, err := inspector.Inspect(ctx)
	if err != nil && len(findings) == 0 {
		findings = append(findings, found(unavailable, err.Error()))
	}
	return append(findings, cleaned(settings)...)
}

var (
	unavailable = storage.Finding{
		ID: "store.unavailable", Severity: storage.Problem,
		Why:    "The store cannot write, read and delete a record, so nobody can sign in.",
		Remedy: "See the error: the address, the credentials, the rights of the user, the disk.",
	}
	brokenQueue = storage.Finding{
		ID: "store.queue", Severity: storage.Problem,
		Why:    "The queue of revocations does not work: a logout fails, or leaves its refresh token valid.",
		Remedy: "See the error: the rights of the user on the queue, which has commands, or a table, of its own.",
	}
	notReplicated = storage.Finding{
		ID: "store.not-replicated", Severity: storage.Problem,
		Why:    "The store is told to wait for its replicas, and they do not confirm: logouts stay pending, and a fail-over may undo them.",
		Remedy: "Look at the replicas, and at the number or the level that the store's options ask for.",
	}
	tooSlow = storage.Finding{
		ID: "store.slow", Severity: storage.Warning,
		Why:    "Each request of a signed-in user waits for the store once.",
		Remedy: "Bring the store nearer to the program, and look at its load.",
	}
	more = storage.Finding{
		ID: "store.more", Severity: storage.Warning,
		Why:    "The store has found more than a report has room for.",
		Remedy: "Mend what is listed, and look again.",
	}
	noQueue = storage.Finding{
		ID: "store.no-queue", Severity: storage.Warning,
		Why:    "Revocations that are pending when the program ends are lost, and those refresh tokens stay valid.",
		Remedy: "Implement storage.RevocationQueue. If a wrapper hides it, forward its methods.",
	}
)

const (
	// mostFindings bounds how many are an Inspector's: a Cluster has those of each node.
	mostFindings = 90

	// What is repeated of a finding, and of a store's error, in bytes.
	longestID   = 100
	longestText = 500
)

func found(f storage.Finding, seen string) storage.Finding {
	f.Seen = line(seen, longestText)
	return f
}

// line cuts first, for it is not known how long s is: the servers that an Inspector asks
// may write to it.
func line(s string, most int) string { return text.Spaced(s[:min(len(s), 4*most)], most) }

// cleaned is what an Inspector has found, fit for a report and for a terminal.
func cleaned(findings []storage.Finding) []storage.Finding {
	some := findings[:min(len(findings), mostFindings)]
	clean := make([]storage.Finding, 0, len(some)+1)
	for _, f := range some {
		if !slices.Contains([]storage.Severity{storage.Problem, storage.Warning, storage.Note}, f.Severity) {
			f.Severity = storage.Warning
		}
		clean = append(clean, storage.Finding{
			ID: line(f.ID, longestID), Severity: f.Severity,
			Seen: line(f.Seen, longestText), Why: line(f.Why, longestText), Remedy: line(f.Remedy, longestText),
		})
	}
	if left := len(findings) - len(some); left > 0 {
		clean = append(clean, found(more, fmt.Sprintf("%d findings are left out", left)))
	}
	return clean
}

// try saves, reads and deletes a record. It returns how long it takes to read it, and
// whether replicas did not confirm.
func try(ctx context.Context, store storage.TokenStore) (median time.Duration, unconfirmed, err error) {
	r, err := store.Save(ctx, newProbe())
	if unconfirmed, err = confirmed(err); err != nil {
		return 0, nil, fmt.Errorf("a record cannot be saved: %w", err)
	}
	var took []time.Duration
	for range loads {
		begun := time.Now()
		if _, err = store.Load(ctx, r.ID); err != nil {
			err = fmt.Errorf("a record cannot be read: %w", err)
			break
		}
		took = append(took, time.Since(begun))
	}
	_, deleted := store.Delete(ctx, r.ID)
	also, deleted := confirmed(deleted)
	if deleted != nil {
		err = errors.Join(err, fmt.Errorf("a record cannot be deleted: %w", deleted))
	}
	if err != nil {
		return 0, nil, err
	}
	slices.Sort(took)
	return took[len(took)/2], errors.Join(unconfirmed, also), nil
}

// newProbe returns a record of a tenant of its own.
func newProbe() storage.Record {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return storage.Record{
		ID: "passport-inspect-" + hex.EncodeToString(random[:]), Tenant: "passport-inspect", Kind: "inspect", Subject: "passport-inspect",
		Expiry: time.Now().Add(time.Minute), Data: []byte("inspect"),
	}
}

// confirmed tells a write that was carried out, but not confirmed by replicas, from one
// that failed.
func confirmed(err error) (unconfirmed, failed error) {
	if errors.Is(err, storage.ErrNotReplicated) && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrConflict) {
		return err, nil
	}
	return nil, err
}

// inspectorIn looks for the Inspector in a store and in what it wraps.
func inspectorIn(store storage.TokenStore) storage.Inspector {
	for range 10 {
		if inspector, ok := store.(storage.Inspector); ok {
			return inspector
		}
		wrapper, ok := store.(interface{ Unwrap() storage.TokenStore })
		if !ok {
			return nil
		}
		store = wrapper.Unwrap()
	}
	return nil
}
