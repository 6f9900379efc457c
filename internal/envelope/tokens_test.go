package envelope

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/seal"
)

var someTokens = Tokens{
	IDToken: strings.Repeat("i", 1200), AccessToken: strings.Repeat("a", 1200), RefreshToken: "refresh",
	TokenType: "Bearer", ExpiresAt: 1_790_086_400,
}

func TestTokensAreReadAsTheyWereWritten(t *testing.T) {
	for _, want := range append(sharing(), someTokens, Tokens{}, Tokens{ExpiresAt: -1}, Tokens{Scope: "openid \x00 ü"}, Tokens{Scope: "openid", UserInfo: `{"sub":"a"}`}) {
		for _, body := range [][]byte{want.Marshal(), Pack(want.Marshal())} {
			got, err := ParseTokens(body)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
}

func TestTokensOfEarlierVersionsAreRead(t *testing.T) {
	got, err := ParseTokens([]byte(`{"access_token":"a","refresh_token":"r","expires_at":5}`))
	require.NoError(t, err)
	assert.Equal(t, Tokens{AccessToken: "a", RefreshToken: "r", ExpiresAt: 5}, got)
}

func TestTokensOfLaterVersionsAreKnownAsSuch(t *testing.T) {
	_, err := ParseTokens([]byte{latestFormat + 1})
	assert.ErrorIs(t, err, seal.ErrLater)
}

func TestTheAccessTokenIsReadByItself(t *testing.T) {
	keys := keysOf(t, 1)
	for _, body := range [][]byte{
		someTokens.Marshal(), Tokens{}.Marshal(), Tokens{AccessToken: "a", Data: "{}", ExpiresAt: -1}.Marshal(),
		Tokens{AccessToken: strings.Repeat("long", 2000), UserInfo: "{}"}.Marshal(), []byte(`{"access_token":"a","expires_at":5}`),
		Pack(sharing()[0].Marshal()), Pack(sharing()[1].Marshal()), Pack(sharing()[2].Marshal()),
		Pack(someTokens.Marshal()), Pack(Tokens{}.Marshal()), Pack(Tokens{AccessToken: strings.Repeat("long", 2000), Data: "{}"}.Marshal()),
	} {
		r := Seal(keys, aRecord, Head{}, body)
		want, err := OpenTokens(keys, r)
		require.NoError(t, err)
		access, err := openAccessToken(keys, r)
		require.NoError(t, err)
		assert.Equal(t, AccessToken{want.AccessToken, want.ExpiresAt}, access)

		for range 3 { // the working space is used again
			_, err := OpenTokens(keys, Seal(keys, aRecord, Head{}, []byte{tokensPlainFormat, 0, 0, 0, 0, 0, 0, 0, 0}))
			require.Error(t, err)
		}
		assert.Equal(t, want.AccessToken, access.Token, "it is a copy")
	}
	for name, body := range map[string][]byte{
		"half":        someTokens.Marshal()[:1300],
		"no format":   {0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"half a JSON": []byte(`{"access_token":"a"`),
	} {
		_, err := openAccessToken(keys, Seal(keys, aRecord, Head{}, body))
		assert.ErrorIs(t, err, ErrBroken, name)
	}
	_, err := openAccessToken(keys, Seal(keys, aRecord, Head{}, []byte{latestFormat + 1}))
	assert.ErrorIs(t, err, seal.ErrLater)
	other := Seal(keys, aRecord, Head{}, someTokens.Marshal())
	other.ID = "another"
	_, err = openAccessToken(keys, other)
	assert.ErrorIs(t, err, seal.ErrOpen)
}

func TestTheRefreshTokenIsReadByItself(t *testing.T) {
	keys := keysOf(t, 1)
	for _, body := range [][]byte{
		someTokens.Marshal(), Tokens{}.Marshal(), Tokens{AccessToken: "a", Data: "{}"}.Marshal(), Tokens{RefreshToken: "r", UserInfo: "{}"}.Marshal(),
		[]byte(`{"access_token":"a","refresh_token":"r"}`), []byte(`{"access_token":"a"}`),
		Pack(someTokens.Marshal()), Pack(Tokens{RefreshToken: "r"}.Marshal()), Pack(sharing()[0].Marshal()),
	} {
		r := Seal(keys, aRecord, Head{}, body)
		want, err := OpenTokens(keys, r)
		require.NoError(t, err)
		token, err := OpenRefreshToken(keys, r)
		require.NoError(t, err)
		assert.Equal(t, want.RefreshToken, token)
	}
	for name, body := range map[string][]byte{"half": someTokens.Marshal()[:1300], "no format": {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "half a JSON": []byte(`{"refresh_token":"r"`)} {
		_, err := OpenRefreshToken(keys, Seal(keys, aRecord, Head{}, body))
		assert.ErrorIs(t, err, ErrBroken, name)
	}
	_, err := OpenRefreshToken(keys, Seal(keys, aRecord, Head{}, []byte{latestFormat + 1}))
	assert.ErrorIs(t, err, seal.ErrLater)
}

func TestTheHeadSaysIfThereIsNoRefreshToken(t *testing.T) {
	keys := keysOf(t, 1)
	h := Head{Begun: 1, End: 2, Seen: 3, RefreshBy: 4, Label: "label", Remembered: true}
	for _, c := range []struct {
		name string
		body []byte
		none bool
	}{
		{"with", someTokens.Marshal(), false},
		{"without", Tokens{AccessToken: "a"}.Marshal(), true},
		{"of an earlier version, with", []byte(`{"refresh_token":"r"}`), false},
		{"of an earlier version, without", []byte(`{"access_token":"a"}`), true},
		{"unreadable", []byte("{"), false},
	} {
		want := h
		if c.none {
			want.RefreshBy, want.NoRefreshToken = 0, true // nothing is refreshed
		}
		r := SealSession(keys, aRecord, h, c.body)
		got, err := OpenHead(keys, r)
		require.NoError(t, err, c.name)
		assert.Equal(t, want, got, c.name)

		got.Seen, want.Seen = 5, 5
		r, err = SealHead(keys, r, got)
		require.NoError(t, err, c.name)
		got, err = OpenHead(keys, r)
		require.NoError(t, err, c.name)
		assert.Equal(t, want, got, c.name)

		got, err = OpenHead(keys, SealSession(keys, r, got, someTokens.Marshal()))
		require.NoError(t, err, c.name)
		assert.False(t, got.NoRefreshToken, "it has one now")
	}

	// The browser's driver stores heads beside tokens that others change.
	text, err := json.Marshal(Head{NoRefreshToken: true})
	require.NoError(t, err)
	assert.NotContains(t, string(text), "NoRefreshToken")
}

// TestTokensWithoutUserInfoAreReadByEarlierVersions: instances are replaced one by
// one.
func TestTokensWithoutUserInfoAreReadByEarlierVersions(t *testing.T) {
	assert.Equal(t, byte(tokensPlainFormat), someTokens.Marshal()[0])
}

func FuzzParseTokens(f *testing.F) {
	f.Add(someTokens.Marshal())
	f.Add(Tokens{UserInfo: "{}"}.Marshal())
	f.Add([]byte(`{"access_token":"a"}`))
	f.Add(Pack(someTokens.Marshal()))
	for _, t := range sharing() {
		f.Add(t.Marshal())
		f.Add(Pack(t.Marshal()))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tokens, err := ParseTokens(body)
		if err != nil {
			return
		}
		for _, body := range [][]byte{tokens.Marshal(), Pack(body)} {
			again, err := ParseTokens(body)
			require.NoError(t, err)
			assert.Equal(t, tokens, again)
		}
	})
}

func TestHalfTokensAreNone(t *testing.T) {
	whole := someTokens.Marshal()
	for _, whole := range [][]byte{whole, Pack(whole), Pack(sharing()[0].Marshal())} {
		for n := range whole {
			got, err := ParseTokens(whole[:n])
			require.Error(t, err, "the first %d bytes", n)
			require.Zero(t, got)
		}
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
