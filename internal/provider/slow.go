package provider

import (
	"sync"
	"time"
)

// Slow are sessions whose refresh takes longer than their callers wait. Each is there
// until its refresh ends, or for a bound: it may have ended just when it was noted.
// The zero value is empty, and may be used from many goroutines at once.
type Slow struct {
	mu    sync.Mutex
	until map[string]time.Time // by session ID
}

// Has reports whether a session's refresh is known to be slow.
func (s *Slow) Has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.until[id])
}

// Add notes that a session's refresh is slow, for at most a time.
func (s *Slow) Add(id string, atMost time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for id, until := range s.until {
		if !now.Before(until) {
			delete(s.until, id)
		}
	}
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	s.until[id] = now.Add(atMost)
}

// Remove forgets a session whose refresh has ended.
func (s *Slow) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, id)
}
