// Package document keeps the few sessions of one user in one document, which a
// [Backend] reads and replaces as a whole. storage/file, storage/keyring and
// storage/localstorage are built on it. Use it for another place that holds one
// value, such as the keychain of a phone: write a Backend of three methods, and
// [Store] is a storage.TokenStore that passes package storagetest.
//
// What the document holds is not encrypted beyond what the engine seals: the
// place must be the user's own.
package document

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/passport-go/passport/storage"
)

var (
	_ storage.TokenStore        = (*Store)(nil)
	_ storage.Lister            = (*Store)(nil)
	_ storage.RevocationQueue   = (*Store)(nil)
	_ storage.RevocationCounter = (*Store)(nil)
)

// Backend is the place of one document. It may be used from many goroutines at
// once. Its errors name the place, and say what to do.
type Backend interface {
	// Read returns the document, or an empty slice if there is none.
	Read(ctx context.Context) ([]byte, error)

	// Update calls change once with the document, and replaces it by the result,
	// all or nothing. An empty result removes the document; the same one leaves
	// it as it is. Meanwhile every other Update, in this process or another,
	// waits; see [Lock]. If change fails, Update returns that error and the
	// document stays.
	Update(ctx context.Context, change func(old []byte) ([]byte, error)) error

	// SetAside keeps a damaged document, which is about to be replaced, for
	// inspection. It is called from within change.
	SetAside(damaged []byte) error
}

// Options are optional; the zero value is ready to use.
type Options struct {
	// Name is what errors begin with. Default: "storage/document".
	Name string

	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// Logger is told of damaged documents. Default: none.
	Logger *slog.Logger
}

// Store implements the interfaces of package storage. It may be used from many
// goroutines at once, and several, in several processes, may share a document.
type Store struct {
	backend Backend
	options Options
}

// New returns a Store of the document in b, which it reads once. A damaged
// document counts as an empty one, and is set aside by the first write. One of a
// later version is an error, and so is a Backend that cannot be read.
func New(ctx context.Context, b Backend, o Options) (*Store, error) {
	o.Name = cmp.Or(o.Name, "storage/document")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{backend: b, options: o}
	if _, err := s.read(ctx); err != nil && !errors.Is(err, errDamaged) {
		return nil, err
	}
	return s, nil
}

// Load implements storage.TokenStore.
func (s *Store) Load(ctx context.Context, id string) (storage.Record, error) {
	c, err := s.read(ctx)
	if errors.Is(err, errDamaged) {
		return storage.Record{}, fmt.Errorf("%w: %w", err, storage.ErrNotFound)
	}
	if err != nil {
		return storage.Record{}, err
	}
	return c.live(id)
}

// List implements storage.Lister.
func (s *Store) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	c, err := s.read(ctx)
	if err != nil && !errors.Is(err, errDamaged) {
		return nil, err
	}
	found, _, err := c.split(m)
	return found, err
}

// Save implements storage.TokenStore.
func (s *Store) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	var saved storage.Record
	err := s.update(ctx, func(c *contents) (err error) {
		saved, err = s.save(c, r)
		return err
	})
	if err != nil {
		return storage.Record{}, err
	}
	return saved, nil
}

func (s *Store) save(c *contents, r storage.Record) (storage.Record, error) {
	if err := s.check(r); err != nil {
		return storage.Record{}, err
	}
	r.Expiry = instant(r.Expiry)
	if !c.now.Before(r.Expiry) {
		return storage.Record{}, s.errorf("Record.Expiry has passed")
	}
	return c.save(r)
}

// Delete implements storage.TokenStore.
func (s *Store) Delete(ctx context.Context, id string) (storage.Record, error) {
	var removed storage.Record
	err := s.update(ctx, func(c *contents) (err error) {
		removed, err = c.remove(id)
		return err
	})
	if err != nil {
		return storage.Record{}, err
	}
	return removed, nil
}

// DeleteMatching implements storage.TokenStore.
func (s *Store) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	var removed []storage.Record
	err := s.update(ctx, func(c *contents) (err error) {
		removed, c.records, err = c.split(m)
		return err
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

// read returns what is in the document. After errDamaged that is nothing.
func (s *Store) read(ctx context.Context) (*contents, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	document, err := s.backend.Read(ctx)
	if err != nil {
		return nil, err
	}
	return s.decode(document)
}

// update replaces the document by what change makes of it, less what has
// expired.
func (s *Store) update(ctx context.Context, change func(*contents) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.backend.Update(ctx, func(old []byte) ([]byte, error) {
		c, err := s.decode(old)
		damaged := errors.Is(err, errDamaged)
		if err != nil && !damaged {
			return nil, err
		}
		if err := change(c); err != nil {
			return nil, err
		}
		c.sweep()
		document, err := s.encode(c)
		if err != nil {
			return nil, err
		}
		if damaged && len(document) == 0 {
			return old, nil // nothing has come in its place
		}
		if damaged {
			err = s.backend.SetAside(old)
		}
		return document, err
	})
}

func (s *Store) errorf(format string, args ...any) error {
	return fmt.Errorf(s.options.Name+": "+format, args...)
}
