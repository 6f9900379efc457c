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

func TestWhatIsNoNameHasNoTime(t *testing.T) {
	name := New("", time.Now())
	for _, other := range []string{"", name[1:], name + "a", name[:Length-1] + "!"} {
		assert.False(t, Plausible(other))
		assert.Zero(t, Time(other))
	}
}
