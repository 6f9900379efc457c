package passport

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secret is a string that must not be seen: a session id, a client secret, a
// token. What prints, logs or encodes it gets a placeholder; [Secret.Reveal] is
// the way to the value.
//
// It is a string, and two places of the standard library do not ask a string that
// is a type of its own how it wants to be shown. Keep a Secret out of them:
//
//   - package fmt, of a field that is not exported in a struct of yours (give the
//     struct a Format or a String method),
//   - encoding/json, of the keys of a map.
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

// GobEncode returns a placeholder.
func (s Secret) GobEncode() ([]byte, error) { return []byte(redacted), nil }

// GobDecode takes what GobEncode, or another program, has written.
func (s *Secret) GobDecode(b []byte) error {
	*s = Secret(b)
	return nil
}

// Format prints nothing of what the browser holds, whatever the verb.
func (b BrowserState) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.BrowserState")
}

// Format prints nothing of the request, whatever the verb.
func (r LogoutReturn) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.LogoutReturn")
}

// MarshalText is Format for JSON and the like.
func (r LogoutReturn) MarshalText() ([]byte, error) { return fmt.Append(nil, r), nil }

// Format prints the account and not what is in the URL's query, which may be the
// user's ID token, whatever the verb. JSON has it all, for the browser that has
// to go there.
func (l Logout) Format(f fmt.State, _ rune) {
	address, _, _ := strings.Cut(l.URL, "?")
	_, _ = fmt.Fprintf(f, "passport.Logout{Mode: %q, URL: %q, App: %q, Revocation: %q, Passport: %q, Ended: %d}",
		l.Mode, address, l.App, l.Revocation, l.Passport, l.Ended)
}

// LogValue is Format for slog.
func (l Logout) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(l)) }
