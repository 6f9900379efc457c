package passport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
)

const (
	// refreshLease is how long an instance that refreshes keeps others from
	// doing the same. It is longer than everything that it does in that time.
	refreshLease = 30 * time.Second

	// refreshTimeout bounds the call to the auth domain.
	refreshTimeout = 15 * time.Second

	// keepFor is how long a refreshed token is kept in hand while the store
	// cannot take it.
	keepFor = time.Minute

	// refreshPoll is how often an instance looks whether another has finished.
	refreshPoll = 50 * time.Millisecond
)

// refresh returns fresh tokens for a session. However many ask for the same
// session, one does the work. It runs in a goroutine of the Passport's, not of
// the request's: a rotated refresh token must not get lost because a browser
// went away.
func (p *Passport) refresh(ctx context.Context, id string) (tokens, error) {
	done := p.flights.DoChan(id, func() (any, error) {
		var t tokens
		err := ErrClosed
		finished := make(chan struct{})
		if p.tasks.start(func(ctx context.Context) {
			defer close(finished)
			t, err = p.refreshNow(ctx, id)
		}) {
			<-finished
		}
		return t, err
	})
	select {
	case r := <-done:
		t, _ := r.Val.(tokens)
		return t, r.Err
	case <-ctx.Done():
		return tokens{}, ctx.Err()
	}
}

// refreshNow goes by what is stored: the tokens may have been refreshed since,
// another instance may be at it, or the session may be gone.
func (p *Passport) refreshNow(ctx context.Context, id string) (tokens, error) {
	giveUp := time.Now().Add(refreshLease + refreshTimeout)
	for {
		rec, err := p.store.Load(ctx, id)
		if err != nil {
			return tokens{}, storeError(err)
		}
		h, err := p.openHead(rec)
		if err != nil {
			return tokens{}, p.unreadable(ctx, rec, err)
		}
		t, err := openTokens(p.c.keys, rec)
		if err != nil {
			return tokens{}, p.unreadable(ctx, rec, err)
		}
		now := p.c.Now()
		if t.fresh(now) {
			return t, nil
		}
		if now.Unix() < h.RefreshBy {
			if time.Now().After(giveUp) {
				return tokens{}, errors.New("passport: another instance has been refreshing these tokens for too long")
			}
			if err := pause(ctx, refreshPoll); err != nil {
				return tokens{}, err
			}
			continue
		}
		h.RefreshBy = now.Add(refreshLease).Unix()
		leased, err := p.store.Save(ctx, sealRecord(p.c.keys, rec, h, t.marshal()))
		switch {
		case errors.Is(err, storage.ErrConflict):
			continue // another writer was first: look again
		case err != nil:
			return tokens{}, storeError(err)
		}
		return p.refreshLeased(ctx, leased, h, t)
	}
}

// refreshLeased calls the auth domain, holding the lease, and stores what it
// answers before anybody sees it.
func (p *Passport) refreshLeased(ctx context.Context, rec storage.Record, h head, old tokens) (tokens, error) {
	call, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	renewed, err := p.provider.refresh(call, rec.Subject, old)
	switch {
	case errors.Is(err, errOtherSubject):
		p.oweToken(rec, renewed)
		return tokens{}, p.lose(ctx, rec, old, err)
	case refusedForGood(err):
		return tokens{}, p.lose(ctx, rec, old, err)
	case err != nil:
		p.emit(Event{Name: "refresh.failed", Session: rec.ID, Subject: rec.Subject, Err: err})
		h.RefreshBy = 0
		if _, saveErr := p.store.Save(ctx, sealRecord(p.c.keys, rec, h, old.marshal())); saveErr != nil {
			err = errors.Join(err, storeError(saveErr)) // the lease ends by itself
		}
		return tokens{}, err
	}
	if err := p.keep(ctx, rec, h, renewed); err != nil {
		p.oweToken(rec, renewed)
		return tokens{}, err
	}
	return renewed, nil
}

// keep stores refreshed tokens, for as long as the session is there. Only the
// holder of the lease changes tokens, so whatever else has changed in the
// record (its last use, its label) is taken over.
func (p *Passport) keep(ctx context.Context, rec storage.Record, h head, t tokens) error {
	deadline := time.Now().Add(keepFor)
	for wait := refreshPoll; ; wait = min(2*wait, time.Second) {
		h.RefreshBy = 0
		_, err := p.store.Save(ctx, sealRecord(p.c.keys, rec, h, t.marshal()))
		if err == nil {
			return nil
		}
		if errors.Is(err, storage.ErrConflict) {
			var latest storage.Record
			if latest, err = p.store.Load(ctx, rec.ID); err == nil {
				rec = latest
				if h, err = p.openHead(rec); err != nil {
					return p.unreadable(ctx, rec, err)
				}
				wait = refreshPoll / 2
				continue
			}
		}
		if errors.Is(err, storage.ErrNotFound) {
			return ErrNoSession
		}
		if time.Now().After(deadline) || pause(ctx, wait) != nil {
			return storeError(err)
		}
	}
}

// lose ends a session whose refresh token, in old, is dead; unless it is no
// longer the session's.
func (p *Passport) lose(ctx context.Context, rec storage.Record, old tokens, reason error) error {
	if latest, err := p.store.Load(ctx, rec.ID); err == nil {
		if t, err := openTokens(p.c.keys, latest); err == nil && t.RefreshToken != old.RefreshToken {
			return fmt.Errorf("passport: the tokens were replaced during their refresh: %w", reason)
		}
	}
	_, err := p.store.Delete(ctx, rec.ID)
	switch {
	case err == nil:
		p.announce(rec.ID)
		p.emit(Event{Name: "session.lost", Session: rec.ID, Subject: rec.Subject, Err: reason})
	case !errors.Is(err, storage.ErrNotFound):
		return errors.Join(storeError(err), reason)
	}
	return fmt.Errorf("%w: %w", ErrNoSession, reason)
}

// pause waits, or returns the error of a ctx that is done first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
