package envelope

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var someTokens = Tokens{
	IDToken: strings.Repeat("i", 1200), AccessToken: strings.Repeat("a", 1200), RefreshToken: "refresh",
	TokenType: "Bearer", ExpiresAt: 1_790_086_400,
}

func TestTokensAreReadAsTheyWereWritten(t *testing.T) {
	for _, want := range []Tokens{someTokens, {}, {ExpiresAt: -1}, {Scope: "openid \x00 ü"}} {
		got, err := ParseTokens(want.Marshal())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestTokensOfEarlierVersionsAreRead(t *testing.T) {
	got, err := ParseTokens([]byte(`{"access_token":"a","refresh_token":"r","expires_at":5}`))
	require.NoError(t, err)
	assert.Equal(t, Tokens{AccessToken: "a", RefreshToken: "r", ExpiresAt: 5}, got)
}

func TestTokensOfLaterVersionsAreKnownAsSuch(t *testing.T) {
	_, err := ParseTokens([]byte{tokensFormat + 1})
	assert.ErrorIs(t, err, ErrLater)
}

func TestHalfTokensAreNone(t *testing.T) {
	whole := someTokens.Marshal()
	for n := range whole {
		got, err := ParseTokens(whole[:n])
		require.Error(t, err, "the first %d bytes", n)
		require.Zero(t, got)
	}
	for name, body := range map[string][]byte{
		"more than all":     append(whole, 0),
		"no format":         append([]byte{0}, whole[1:]...),
		"an endless length": append([]byte{tokensFormat, 0, 0, 0, 0, 0, 0, 0, 0}, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
		"half a JSON":       []byte(`{"access_token":"a"`),
	} {
		_, err := ParseTokens(body)
		assert.Error(t, err, name)
	}
}

func BenchmarkParseTokens(b *testing.B) {
	body := someTokens.Marshal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTokens(body); err != nil {
			b.Fatal(err)
		}
	}
}
