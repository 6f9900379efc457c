package bolt

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// An fsync costs far more than anything else in a write, so writes that come in
// while one is under way wait together, and then share one. Nobody waits for
// company: a write that finds no other goes ahead at once. (DB.Batch would make
// it wait for 10 ms, and carries out writes in a goroutine where a panic over a
// damaged page could not be caught.)

// A write is one caller's change to the store.
type write struct {
	ctx    context.Context
	change func(*tx) error

	// creates says that the change adds a session, which on a full disk is
	// refused so that others can still be ended.
	creates bool

	err  error
	done chan struct{} // closed once err is final
}

// groupCommit collects the writes that wait. Whoever has the turn commits them all.
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

// withdraw reports whether w was still waiting, and now is not.
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

// write carries out change, alone or with others, and returns when it is on disk
// or has failed. change may be called more than once: what an earlier call did
// is undone, and its results must be set anew. It returns an error only before
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
	<-w.done // at once, or somebody is carrying it out
	return w.err
}

// commit carries out the group together, or if that fails one by one, so that
// one that asks too much does not take the others with it.
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

// alone carries out w by itself, and on a full disk tries again with more room:
// the room set aside, or for a session that is added, that of the expired.
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

// try carries out the group in one transaction, and sweeps. After nil each write
// has its outcome. After an error nothing has happened, and the group can be
// tried again.
func (s *Store) try(group []*write) error {
	err := s.transact(group)
	if !s.sweeps || !errors.Is(err, errFileDamaged) {
		return err
	}
	// Perhaps it is an expired record that no longer can be removed. It must not
	// keep everybody from signing in and out.
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

// apply makes the change of w, unless its caller has given up.
func (t *tx) apply(w *write) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.creates {
		t.fillReserve()
	}
	return w.change(t)
}

// mayHaveCommitted reports whether the failed transaction with this id can be
// seen all the same: its last step, the fsync, is what failed, and whether it
// would survive a power cut is unknown.
func (s *Store) mayHaveCommitted(id int) bool {
	last := 0
	err := s.view(func(t *tx) error {
		last = t.ID()
		return nil
	})
	return err == nil && last >= id
}
