package text

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestALineIsShortAndPrintable(t *testing.T) {
	assert.Equal(t, "plain", Line("plain", 5))
	assert.Equal(t, "abcd", Line("a\nb\rc\x00\x1b\x7fdef", 4))
	assert.Equal(t, "[31mtxt.exe", Line("\u009b[31m\u202etxt\u2066.exe\u0085\u2028\u2029", 100), "an escape sequence in one character, and text that runs backwards")
	assert.Equal(t, "👩\u200d🚀 به", Line("👩\u200d🚀 به", 100), "a joiner is part of what is written")
	assert.Equal(t, "\ufffd", Line("\xff", 100))
	assert.Equal(t, " a b ", Spaced("\na\tb\u202e", 100))
	assert.Equal(t, "a\nb\n\nc", Lines("a\r\n\x1bb\n\u202e\n\u009bc"))
	assert.Equal(t, "gr", Line("grün", 3), "no half of a letter")
	assert.Equal(t, "grü", Line("grün", 4))
}
