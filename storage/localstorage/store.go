package localstorage

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
)

var (
	_ storage.TokenStore      = (*Store)(nil)
	_ storage.Lister          = (*Store)(nil)
	_ storage.RevocationQueue = (*Store)(nil)
)

// Options configure a Store. AuthenticationDomain and ClientID are required.
type Options struct {
	// AuthenticationDomain is the auth domain exactly as pages with the JavaScript
	// SDK configure it (overrides.authenticationDomain), because it is part of a
	// name. Unless they set it, it is "https://auth.immutable.com".
	AuthenticationDomain string

	// ClientID is the client ID of the app.
	ClientID string

	// Lifetime is how long a session of the JavaScript SDK lasts. 0 means 30 days.
	Lifetime time.Duration

	// WrittenBack returns the revocation for a session that was ended here and that
	// a page with the JavaScript SDK has then written back with new tokens. It is
	// called while other callers wait, and must neither block nor call the Store.
	// If it returns an error, the session is not removed. Nil means a record with a
	// new ID, whose Data is the user in the JavaScript SDK's format.
	WrittenBack func(User) (storage.Record, error)

	// Now tells the time by which sessions expire and revocations fall due. Nil means
	// time.Now.
	Now func() time.Time

	// Logger receives messages about unreadable content and sessions that were
	// written back. Nil: nothing is logged.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Lifetime == 0 {
		o.Lifetime = 30 * 24 * time.Hour
	}
	if o.WrittenBack == nil {
		o.WrittenBack = plainRevocation
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// place is common to all names. It is the JavaScript SDK's.
func (o Options) place() string { return o.AuthenticationDomain + ":" + o.ClientID }

func plainRevocation(u User) (storage.Record, error) {
	item, u, err := formatUser(u)
	if err != nil {
		return storage.Record{}, err
	}
	return storage.Record{ID: rand.Text(), Subject: u.Subject, SID: u.SID, Data: []byte(item)}, nil
}

// Store is a session store in a browser. It implements [storage.TokenStore],
// [storage.Lister], [storage.RevocationQueue], [storage.RevocationCounter] and
// [storage.Notifier], may be used from many goroutines at once, and has nothing to
// close. Stores in several tabs, and several in one, share what is stored.
//
// LoadUser, SaveUser, DeleteUser and DeleteUserAndEnqueue are for the one session that
// is shared with the JavaScript SDK. The interfaces of package storage do not
// show it, but the revocations it leaves are in their queue.
type Store struct {
	*contract

	options Options
	name    string // of the user's item
	items   items
}

type contract = document.Store

// UpdateRecord replaces the live record with that ID by what change makes of it, in
// one step, and returns it. If there is none, change gets a record with the ID alone.
// It is called once, while other callers wait, and must neither block nor call the
// Store. If it returns false, the record stays as it is.
func (s *Store) UpdateRecord(ctx context.Context, id string, change func(*storage.Record) (save bool)) (storage.Record, error) {
	return document.UpdateRecord(ctx, s.contract, id, change)
}

// items is localStorage. What is absent reads as empty.
type items interface {
	get(name string) (string, error)
	set(name, value string) error
	remove(name string) error
	names() ([]string, error)
}

// newStore puts a Store together. It reads what is there, and so reports storage
// that is forbidden.
func newStore(ctx context.Context, o Options, i items, b document.Backend) (*Store, error) {
	o = o.withDefaults()
	contract, err := document.New(ctx, b, document.Options{Name: "storage/localstorage", Now: o.Now, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	return &Store{contract: contract, options: o, name: "oidc.user:" + o.place(), items: i}, nil
}
