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

// IsURL reports whether s consists of characters of the URL-safe form alone. It
// takes the same time wherever another one is.
func IsURL(s string) bool {
	var foreign byte
	for i := range len(s) {
		foreign |= notURL[s[i]]
	}
	return foreign == 0
}

var notURL = func() (not [256]byte) {
	for c := range not {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", rune(c)) {
			not[c] = 1
		}
	}
	return not
}()
