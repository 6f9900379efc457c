package passport

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that must not be seen: a session id, a client secret, a
// token. Whatever prints, logs or encodes it gets a placeholder; [Secret.Reveal]
// is the one way to the value.
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

// MarshalText returns a placeholder, so that JSON and the like do.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
