package passport

import "sync/atomic"

// counts is what [Stats] is read from. Nobody waits for anybody to count.
type counts struct {
	events   map[EventName]*atomic.Uint64    // not changed after newCounts
	failures map[LoginFailure]*atomic.Uint64 // the same

	refreshes, refreshesFailed atomic.Uint64
	revocations                atomic.Uint64

	bearersAccepted, bearersRefused, bearersUnverified atomic.Uint64
}

// endings are the events that say why a session has ended.
var endings = []EventName{EventLogout, EventSessionReplaced, EventSessionEvicted, EventSessionLost, EventSessionReturned}

func newCounts() *counts {
	c := &counts{events: map[EventName]*atomic.Uint64{}, failures: map[LoginFailure]*atomic.Uint64{}}
	for _, name := range append([]EventName{EventLogin, EventRevocationDone, EventRevocationFailed}, endings...) {
		c.events[name] = new(atomic.Uint64)
	}
	for _, reason := range loginFailures {
		c.failures[reason] = new(atomic.Uint64)
	}
	return c
}

func (c *counts) countEvent(e Event) {
	if n := c.events[e.Name]; n != nil {
		n.Add(1)
	}
	if n := c.failures[e.Reason]; n != nil && e.Name == EventLoginFailed {
		n.Add(1)
	}
}
