package ended

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheLatestSessionsAreRemembered(t *testing.T) {
	s := New()
	id := func(i int) string { return fmt.Sprint("session ", i) }
	const n = 3*halfSessions + 1
	for i := range n {
		s.Sessions(id(i))
	}
	for i := n - halfSessions; i < n; i++ {
		if !s.HasSession(id(i)) {
			t.Fatalf("%d of %d is forgotten", i, n)
		}
	}
	assert.False(t, s.HasSession(id(0)), "memory is bounded")
	assert.LessOrEqual(t, len(s.sessions.newer)+len(s.sessions.older), 2*halfSessions)
	assert.False(t, s.HasSession("another"))
}

func TestASessionOlderThanTheEndOfItsOwnersIsDead(t *testing.T) {
	s := New()
	at := time.Unix(1000, 0)
	assert.False(t, s.HasOlder("alice", "sid", 0), "nothing is known")
	s.Owner(OfSubject("alice"), at)
	s.Owner(OfSID("sid"), at.Add(time.Hour))
	s.Owner(OfSID("sid"), at) // notices need not come in order
	for _, row := range []struct {
		subject, sid string
		begun        int64
		dead         bool
	}{
		{"alice", "", 989, true}, {"alice", "", 990, false}, {"alice", "", 1000, false}, {"alice", "", 1001, false},
		{"bob", "sid", 989, true}, {"bob", "sid", 4589, true}, {"bob", "sid", 4590, false},
		{"bob", "other", 1, false}, {"sid", "alice", 1, false}, {"", "", 0, false},
	} {
		assert.Equal(t, row.dead, s.HasOlder(row.subject, row.sid, row.begun), "%+v", row)
	}
}

func TestOwnersAreBounded(t *testing.T) {
	s := New()
	for i := range 3*halfOwners + 1 {
		s.Owner(OfSubject(fmt.Sprint(i)), time.Unix(1000, 0))
	}
	assert.LessOrEqual(t, len(s.owners.newer)+len(s.owners.older), 2*halfOwners)
	assert.True(t, s.HasOlder(fmt.Sprint(3*halfOwners), "", 1))
	assert.False(t, s.HasOlder("0", "", 1))
}

func TestANilSetIsEmpty(t *testing.T) {
	var s *Set
	s.Sessions("a")
	s.Owner(OfSubject("alice"), time.Now())
	assert.False(t, s.HasSession("a"))
	assert.False(t, s.HasOlder("alice", "", 0))
}
