package provider

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signedPayload is a key set for which one payload was signed, whatever the
// token.
type signedPayload string

func (s signedPayload) VerifySignature(context.Context, string) ([]byte, error) {
	return []byte(s), nil
}

// TestOnlyWhatWasReadCounts: the claims of a logout token are read before its
// signature is verified, by another parser.
func TestOnlyWhatWasReadCounts(t *testing.T) {
	read, err := readLogoutToken("e30.eyJpYXQiOjE3OTAwMDAwMDB9.c2ln") // {} . {"iat":1790000000} . sig
	require.NoError(t, err)
	ctx := context.WithValue(t.Context(), readKey{}, read)

	payload, err := asRead{signedPayload(`{"iat":1790000000}`)}.VerifySignature(ctx, "")
	require.NoError(t, err)
	assert.JSONEq(t, `{"iat":1790000000,"exp":1790000600}`, string(payload))
	assert.NotContains(t, read.claims, "exp")

	_, err = asRead{signedPayload(`{"iat":1790000001}`)}.VerifySignature(ctx, "")
	assert.ErrorContains(t, err, "what was signed is not what was read")
	_, err = asRead{signedPayload(`{"iat":1790000000}`)}.VerifySignature(t.Context(), "")
	assert.ErrorContains(t, err, "what was signed is not what was read")
}

// go-oidc would overlook white space, and package base64 ends of lines.
func TestALogoutTokenIsThreePartsInBase64URL(t *testing.T) {
	_, err := readLogoutToken("e30.e30.c2ln")
	require.NoError(t, err)
	for _, raw := range []string{
		"", "e30.e30", "e30.e30.c2ln.", "e30.e30.c2ln.c2ln", "e3 0.e30.c2ln", "e30.e3 0.c2ln", "e30.e30.c2 ln",
		"e30.e30.c2ln ", " e30.e30.c2ln", "e30.e30.\tc2ln", "e30.e30.c2ln\u00a0", "e30=.e30.c2ln", "e30.e30.c2l+",
		"e3\n0.e30.c2ln", "e30.e3\r0.c2ln", "e30.e30.c2\nln", "e30.e30.c2ln\r\n", `{"payload":"e30"}`,
	} {
		_, err := readLogoutToken(raw)
		assert.ErrorIs(t, err, errNotAJWT, "%q", raw)
	}
}

func TestTextsOfAJSONAreReadAsByTheLibrary(t *testing.T) {
	for _, raw := range []string{
		`""`, `"plain"`, `"gr\u00fcn"`, `"grün"`, `"a\"b"`, "\"\xff\xfe\"", `"\ud800"`, `null`, `17`, `true`, `{}`, `["a"]`, ``,
	} {
		var want string
		isText := json.Unmarshal([]byte(raw), &want) == nil && raw != "null"
		got, ok := textOf(json.RawMessage(raw))
		assert.Equal(t, isText, ok, raw)
		assert.Equal(t, want, got, raw)
	}
}
