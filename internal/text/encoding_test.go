package text

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAFileOfWindowsIsRead(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"grün":                          "grün",
		"\xef\xbb\xbfgrün":              "grün",
		"\xff\xfeg\x00\xfc\x00":         "gü",
		"\xfe\xff\x00g\x00\xfc":         "gü",
		"\xff\xfe\x3d\xd8\x80\xde":      "🚀",
		"\xff\xfeg\x00x":                "g", // cut short
		"\xff\xfe":                      "",
		"\xff":                          "\xff",
		"a\xef\xbb\xbf":                 "a\xef\xbb\xbf",
		"\xef\xbb\xbf\xef\xbb\xbftwice": "\xef\xbb\xbftwice",
	} {
		assert.Equal(t, want, string(UTF8([]byte(in))), "%q", in)
	}
}
