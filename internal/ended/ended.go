// Package ended remembers which sessions this process knows to have ended, for a store
// that may lose what it has answered: after a fail-over it may have them again.
//
// Memory is bounded, and what was noted first is forgotten first: a fail-over loses
// the last moments before it. For what is forgotten the store alone vouches, as it
// does after a restart.
package ended

import (
	"sync"
	"time"
)

const (
	// halfSessions is how many sessions half a Set holds, and halfOwners how many
	// users and Passport sessions. So the latest 100,000 logouts are remembered, and
	// the latest 10,000 of a user or sid; full, a Set takes about 30 MB, as long as
	// a sub has no more than 1 KB.
	halfSessions = 100_000
	halfOwners   = 10_000

	// leeway is by how much the clocks of two instances may differ. A session that
	// seems to have begun less than this before a logout may have begun after it.
	leeway = 10 * time.Second
)

// Set is what has ended. A nil Set is empty and stays so. The methods may be called
// from many goroutines at once.
type Set struct {
	mu       sync.RWMutex
	sessions halves[struct{}]
	owners   halves[int64] // when all their sessions ended, in Unix seconds
}

// Owner is whose sessions end together.
type Owner string

// OfSID and OfSubject are the owners.
func OfSID(sid string) Owner { return Owner("sid " + sid) }

// OfSubject is a user, by the sub.
func OfSubject(subject string) Owner { return Owner("sub " + subject) }

// New returns an empty Set.
func New() *Set {
	return &Set{sessions: halves[struct{}]{most: halfSessions}, owners: halves[int64]{most: halfOwners}}
}

// Sessions notes that the sessions with these IDs have ended. An ID is not used again.
func (s *Set) Sessions(ids ...string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.sessions.put(id, struct{}{})
	}
}

// Owner notes that all sessions of an owner have ended that began before a moment.
func (s *Set) Owner(owner Owner, at time.Time) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, _ := s.owners.get(string(owner))
	s.owners.put(string(owner), max(before, at.Add(-leeway).Unix()))
}

// HasSession reports whether a session is known to have ended.
func (s *Set) HasSession(id string) bool {
	if s == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, has := s.sessions.get(id)
	return has
}

// HasOlder reports whether a session must have ended, because it began, at a moment in
// Unix seconds, before all those of its user or Passport session ended.
func (s *Set) HasOlder(subject, sid string, begun int64) bool {
	if s == nil {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.owners.empty() {
		return false
	}
	ofSubject, _ := s.owners.get(string(OfSubject(subject)))
	ofSID, _ := s.owners.get(string(OfSID(sid)))
	return begun < max(ofSubject, ofSID)
}

// halves hold between most and twice as many values, the latest. When the newer half is
// full, it takes the place of the older one, which is forgotten.
type halves[V any] struct {
	most         int
	newer, older map[string]V
}

func (h *halves[V]) empty() bool { return len(h.newer) == 0 && len(h.older) == 0 }

func (h *halves[V]) get(key string) (v V, ok bool) {
	if v, ok = h.newer[key]; !ok {
		v, ok = h.older[key]
	}
	return v, ok
}

func (h *halves[V]) put(key string, v V) {
	if _, there := h.newer[key]; !there && (h.newer == nil || len(h.newer) >= h.most) {
		h.older, h.newer = h.newer, map[string]V{}
	}
	h.newer[key] = v
}
