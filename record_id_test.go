package passport

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPlausibleIDsAreOfOurAlphabetAndLength(t *testing.T) {
	id := newID().Reveal()
	assert.True(t, plausibleID(id))
	assert.False(t, plausibleID(id[1:]))
	assert.False(t, plausibleID(id+"A"))
	for c := range 256 {
		ours := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
		for _, at := range []int{0, 20, idLength - 1} {
			assert.Equal(t, ours, plausibleID(id[:at]+string([]byte{byte(c)})+id[at+1:]), "%q at %d", c, at)
		}
	}
}
