package bolt

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// An fsync costs far more than anything else in a write, so writes that arrive
// during another write wait together and then share one. A write that finds no
// other in progress starts at once. (DB.Batch would delay it by 10 ms, and runs
// writes in a goroutine in which a panic over a damaged page cannot be recovered.)

// A write is one caller's change to the store.
type write struct {
	ctx    context.Context
	change func(*tx) error

	// creates says that the change adds a session. On a full disk it fails, so
	// that other sessions can still be ended.
	creates bool

	err  error
	done chan struct{} // closed once err is final
}

// groupCommit collects the waiting writes. The writer that holds turn commits them all.
type groupCommit struct {
	turn chan struct{}

	mu      sync.Mutex
	waiting []*write
}

func newGroupCommit() groupCommit { return groupCommit{turn: make(chan struct{}, 1)} }

func (g *groupCommit) add(w *write) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, w)
}

func (g *groupCommit) takeAll() []*write {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.waiting
	g.waiting = nil
	return taken
}

// withdraw removes w if it is still waiting, and reports whether it was.
func (g *groupCommit) withdraw(w *write) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, w)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return true
}

// write carries out change, alone or in a group, and returns when it is on disk or
// has failed. change may be called more than once: the effect of an earlier call is
// rolled back, and it must set its results again. It may return an error only before
// it has changed anything.
func (s *Store) write(ctx context.Context, change func(*tx) error) error {
	return s.submit(&write{ctx: ctx, change: change})
}

func (s *Store) submit(w *write) error {
	if err := s.ready(w.ctx); err != nil {
		return err
	}
	w.done = make(chan struct{})
	s.group.add(w)
	select {
	case s.group.turn <- struct{}{}:
		s.commit(s.group.takeAll())
		<-s.group.turn
	case <-w.done:
	case <-w.ctx.Done():
		if s.group.withdraw(w) {
			return w.ctx.Err()
		}
	}
	<-w.done // it was committed, or is being committed
	return w.err
}

// commit carries out the group in one transaction. If that fails, it carries them out
// one by one, so that one that cannot succeed does not fail the others.
func (s *Store) commit(group []*write) {
	if len(group) == 1 || s.try(group) != nil {
		for _, w := range group {
			s.alone(w)
		}
	}
	for _, w := range group {
		close(w.done)
	}
}

// alone carries out w by itself. On a full disk it tries again with more space: that
// of expired records for a write that adds a session, the reserve for any other.
func (s *Store) alone(w *write) {
	err := s.try([]*write{w})
	switch {
	case err == nil:
	case w.creates:
		err = s.createAmongExpired(w, err)
	case s.freeReserve() == nil:
		err = s.try([]*write{w})
	}
	if err != nil {
		w.err = err
	}
}

// try carries out the group in one transaction, and sweeps. If it returns nil, each
// write has its outcome. If it returns an error, nothing has changed, and the group
// can be tried again.
func (s *Store) try(group []*write) error {
	err := s.transact(group)
	if !s.sweeps || !errors.Is(err, errFileDamaged) {
		return err
	}
	// The cause may be an expired record that can no longer be removed. It must not
	// prevent users from signing in and out.
	s.sweeps = false
	if err = s.transact(group); errors.Is(err, errFileDamaged) {
		s.sweeps = true
		return err
	}
	s.log.Warn("storage/bolt: the file is damaged: expired sessions will not be removed")
	return err
}

// errUnchanged rolls back a transaction that has nothing to commit.
var errUnchanged = errors.New("unchanged")

func (s *Store) transact(group []*write) error {
	if err := s.ready(context.Background()); err != nil {
		return err
	}
	id := 0
	err := s.update(func(t *tx) error {
		id = t.ID()
		for _, w := range group {
			w.err = t.apply(w)
		}
		if t.failed == nil && !t.changed {
			return errUnchanged
		}
		if s.sweeps {
			t.sweep(sweepPerWrite * len(group))
		}
		return t.failed
	})
	if err == nil || errors.Is(err, errUnchanged) {
		return nil
	}
	if !s.mayHaveCommitted(id) {
		return err
	}
	for _, w := range group {
		w.err = err
	}
	return nil
}

// apply runs the change of w, unless its context is done.
func (t *tx) apply(w *write) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.creates {
		t.fillReserve()
	}
	return w.change(t)
}

// mayHaveCommitted reports whether the failed transaction with this id is visible
// all the same: only its last step, the fsync, has failed, and it may or may not
// survive a power cut.
func (s *Store) mayHaveCommitted(id int) bool {
	last := 0
	err := s.view(func(t *tx) error {
		last = t.ID()
		return nil
	})
	return err == nil && last >= id
}
