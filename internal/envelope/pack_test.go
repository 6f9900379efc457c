package envelope

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unpacked is what comes of s in a body that is packed, and how long s is there.
func unpacked(t testing.TB, s string) (again string, stored int) {
	t.Helper()
	b := appendText([]byte("before"), s)
	text, behind, ok := cutPacked(append(b, "behind"...)[len("before"):])
	require.True(t, ok)
	assert.Equal(t, "behind", string(behind))
	again, ok = text.read()
	require.True(t, ok)
	return again, len(text.stored)
}

func TestATokenIsPackedAndComesBack(t *testing.T) {
	segment := func(n int) string {
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xfb{", n)[:n]))
	}
	for name, token := range map[string]string{
		"signed":                segment(80) + "." + segment(700) + "." + segment(256),
		"without a signature":   segment(80) + "." + segment(701) + ".",
		"encrypted":             segment(80) + ".." + segment(12) + "." + segment(2000) + "." + segment(16),
		"a random one":          segment(32),
		"longer than the space": segment(80) + "." + segment(9000) + "." + segment(256),
	} {
		again, stored := unpacked(t, token)
		assert.Equal(t, token, again, name)
		assert.LessOrEqual(t, stored, len(token)*3/4+5, name)
	}
}

// What has another spelling of the same bytes, or is no base64url, stays as it is.
func TestWhatWouldNotComeBackIsNotPacked(t *testing.T) {
	for _, text := range []string{
		"", ".", "..", "a", "Bearer", "openid profile", "eyJh.bbbbbbbbbbbbbbbbbbbbb", // the last four bits are not zero
		"eyJhbGciOiJub25lIn0=.eyJhbGciOiJub25lIn0=.", "eyJhbGciOiJu\nb25lIn0.eyJhbGciOiJub25lIn0", "eyJhbGci+iJub25lIn0.eyJhbGciOiJub25lIn0",
		strings.Repeat(".", 3000), `{"sub":"alice"}`, "v1.MlrK_", "\xff\xfe",
	} {
		again, stored := unpacked(t, text)
		assert.Equal(t, text, again)
		assert.Equal(t, len(text), stored, "%q", text)
	}
}

// sharing are tokens of which something is left out when they are packed: all that can be,
// what is nearly a header in common, and a header before what is not packed.
func sharing() []Tokens {
	const header = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleSJ9"
	segment := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("claim", 20)))
	all := Tokens{
		IDToken: header + "." + segment + "." + segment, AccessToken: header + "." + segment + "." + segment[:100],
		RefreshToken: "v1.refresh", TokenType: "Bearer", Scope: "openid profile email offline_access transact",
	}
	var many []Tokens
	for _, access := range []string{all.AccessToken, header + segment, header + ".not base64.", header, header + "..", all.IDToken, "Bearer"} {
		t := all
		t.AccessToken = access
		many = append(many, t)
	}
	return append(many, Tokens{IDToken: "Bearer", AccessToken: "Bearer.x"}, Tokens{IDToken: header + ".?", AccessToken: header + ".x"})
}

func TestWhatIsInNearlyEverySessionIsLeftOut(t *testing.T) {
	all := sharing()[0]
	dot := strings.Index(all.IDToken, ".")
	without := all
	without.IDToken, without.AccessToken = all.IDToken[dot:], all.AccessToken[dot:]
	without.TokenType, without.Scope = "", ""
	packed := len(Pack(all.Marshal()))
	header := dot * 3 / 4
	assert.LessOrEqual(t, packed, len(Pack(without.Marshal()))+header+8, "the header once, and a few bytes for what is left out")
}

// A number that this version does not know, or a header that is nowhere, is damage.
func TestWhatIsSharedHasToBeThere(t *testing.T) {
	for name, text := range map[string][]byte{
		"nothing": {isShared, 0}, "unknown": {isShared, headerOfFirst + 1}, "cut": {isShared}, "without a first": {isShared, headerOfFirst, 0},
		"of a first that is not packed": {2 << 1, 1, 'x', isShared, headerOfFirst},
	} {
		body := append([]byte{tokensSharedFormat, 0, 0, 0, 0, 0, 0, 0, 0}, text...)
		_, err := ParseTokens(append(body, make([]byte, 6)...))
		assert.ErrorIs(t, err, errTokens, name)
	}
}

func TestABodyOfSomethingElseIsNotPacked(t *testing.T) {
	for _, body := range []string{"", "a note", "{", "\xff"} {
		assert.Equal(t, body, string(Pack([]byte(body))))
	}
}

func FuzzPack(f *testing.F) {
	for _, text := range []string{"", ".", "eyJhbGciOiJub25lIn0.eyJhbGciOiJub25lIn0.", "aa==", "AA.AB", "A\nA", "....", "a.b.c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		again, stored := unpacked(t, text)
		assert.Equal(t, text, again)
		assert.LessOrEqual(t, stored, len(text))
	})
}

// What packing costs those who ask for the access token alone.
func BenchmarkOpenAccessToken(b *testing.B) {
	segment := base64.RawURLEncoding.EncodeToString
	payload := []byte(strings.Repeat("claim", 120))
	token := segment(payload[:80]) + "." + segment(payload) + "." + segment(payload[:256])
	body := Tokens{IDToken: token, AccessToken: token, RefreshToken: "v1.refresh", TokenType: "Bearer", Scope: "openid profile"}.Marshal()
	keys := keysOf(b, 1)
	for name, body := range map[string][]byte{"plain": body, "packed": Pack(body)} {
		r := Seal(keys, aRecord, Head{}, body)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := openAccessToken(keys, r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(r.Data)), "bytes")
		})
	}
}
