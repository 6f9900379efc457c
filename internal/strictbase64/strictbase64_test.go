package strictbase64

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAValueHasOneSpelling(t *testing.T) {
	b, err := RawURL("-_8")
	assert.NoError(t, err)
	assert.Equal(t, []byte{0xfb, 0xff}, b)
	for _, text := range []string{"-_8=", "-_9", "-_8\n", "-\r_8", "\n-_8", "+/8", "-_8 "} {
		_, err := RawURL(text)
		assert.Error(t, err, "%q", text)
	}
	b, err = Std("+/8=")
	assert.NoError(t, err)
	assert.Equal(t, []byte{0xfb, 0xff}, b)
	for _, text := range []string{"+/8", "+/9=", "+/8=\n", "-_8="} {
		_, err := Std(text)
		assert.Error(t, err, "%q", text)
	}
}

func TestTheCharactersOfTheURLSafeForm(t *testing.T) {
	for _, s := range []string{"", "AZaz09-_"} {
		assert.True(t, IsURL(s), s)
	}
	for _, s := range []string{"a+", "a/", "a=", "a b", "a\n", "ä", "a.b", "\x00"} {
		assert.False(t, IsURL(s), "%q", s)
	}
}
