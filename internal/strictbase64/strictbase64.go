// Package strictbase64 decodes base64 of which there is one spelling for each
// value. Package encoding/base64 skips line breaks even when it is strict, and
// takes any bits at the end when it is not, so that one token has many texts.
package strictbase64

import (
	"encoding/base64"
	"strings"
)

var (
	rawURL = base64.RawURLEncoding.Strict()
	std    = base64.StdEncoding.Strict()
)

// RawURL decodes the unpadded, URL-safe form (RFC 4648 §5), that of JSON Web
// Tokens.
func RawURL(s string) ([]byte, error) { return decode(rawURL, s) }

// Std decodes the padded standard form (RFC 4648 §4).
func Std(s string) ([]byte, error) { return decode(std, s) }

func decode(e *base64.Encoding, s string) ([]byte, error) {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return e.DecodeString(s)
}
