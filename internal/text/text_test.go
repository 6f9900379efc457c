package text

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestALineIsShortAndPrintable(t *testing.T) {
	assert.Equal(t, "plain", Line("plain", 5))
	assert.Equal(t, "abcd", Line("a\nb\rc\x00\x1b\x7fdef", 4))
	assert.Equal(t, "gr", Line("grün", 3), "no half of a letter")
	assert.Equal(t, "grü", Line("grün", 4))
}
