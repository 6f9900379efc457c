package logoutstate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestANameHasASessionARandomPartAndATime(t *testing.T) {
	at := time.UnixMilli(1_790_000_000_123)
	session := strings.Repeat("s", SessionLength)
	names := map[string]bool{}
	for _, known := range []string{session, session + "longer", "", "short"} {
		for range 3 {
			name := New(known, at)
			names[name[SessionLength:SessionLength+randomLength]] = true
			assert.True(t, Plausible(name), known)
			assert.Equal(t, at, Time(name), known)
			assert.Equal(t, strings.HasPrefix(known, session), Session(name) == session, known)
		}
	}
	assert.Len(t, names, 12, "whoever knows the session does not know the name")
}

// The session's part is random as well if no session is known.
func TestEachCharacterOfANameIsRandom(t *testing.T) {
	for known, from := range map[string]int{"": 0, strings.Repeat("s", SessionLength): SessionLength} {
		for at := from; at < SessionLength+randomLength; at++ {
			seen := map[byte]bool{}
			for range 300 {
				seen[New(known, time.Now())[at]] = true
			}
			assert.Greater(t, len(seen), 32, "character %d", at)
		}
	}
}

func TestWhatIsNoNameHasNoTime(t *testing.T) {
	name := New("", time.Now())
	for _, other := range []string{"", name[1:], name + "a", name[:Length-1] + "!"} {
		assert.False(t, Plausible(other))
		assert.Zero(t, Time(other))
	}
}

func TestALogoutIsUnfinishedUntilItIsKnownToBeComplete(t *testing.T) {
	assert.False(t, State{}.Unfinished(), "there was none")
	first, later := New("", time.Now()), New("", time.Now())
	s := State{Name: first}
	assert.True(t, s.Unfinished())
	assert.False(t, s.Finish(first).Unfinished())
	assert.Equal(t, first, s.Finish(first).Name)
	s.Name = later
	assert.True(t, s.Finish(first).Unfinished(), "the later logout is not that one")
	s.Finished = true
	assert.False(t, s.Finish(first).Unfinished(), "and what is finished stays so")
}

func TestALogoutOvertakesTheLoginsThatWereBegunBeforeIt(t *testing.T) {
	first, later := New("", time.Now()), New("", time.Now())
	for _, row := range []struct {
		state, begun string
		overtook     bool
	}{
		{"", "", false}, {"", first, false}, {first, "", true}, {first, first, false}, {later, first, true},
	} {
		for _, finished := range []bool{false, true} {
			assert.Equal(t, row.overtook, State{Name: row.state, Finished: finished}.Overtook(row.begun), "%+v", row)
		}
	}
}

func TestOnlyTheBeginningOfANameIsItsSession(t *testing.T) {
	name := New(strings.Repeat("s", SessionLength), time.Now())
	assert.Equal(t, strings.Repeat("s", SessionLength), Session(name))
	assert.Equal(t, strings.Repeat("s", SessionLength), Session(name[:SessionLength]))
	assert.Empty(t, Session(name[:SessionLength-1]))
	assert.Empty(t, Session(""))
}
