package passport

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that must not be shown: a session id, a client secret, a
// token. Printing, logging and encoding it yield a placeholder; [Secret.Reveal]
// returns the value.
//
// In two places the standard library ignores these methods. Do not put a Secret
// there:
//
//   - an unexported field of a struct that package fmt prints (give the struct a
//     Format or String method),
//   - the keys of a map that encoding/json encodes.
type Secret string

const redacted = "[redacted]"

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// Format prints a placeholder for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, for JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// GobEncode returns a placeholder.
func (s Secret) GobEncode() ([]byte, error) { return []byte(redacted), nil }

// GobDecode reads what GobEncode, or another program, wrote.
func (s *Secret) GobDecode(b []byte) error {
	*s = Secret(b)
	return nil
}
