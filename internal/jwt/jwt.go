// Package jwt reads JSON Web Tokens and the JSON of OAuth, strictly: member names
// are exact, as RFC 8259 and RFC 7515 have them, and a name that occurs twice is
// an error (RFC 7519 §4). Package encoding/json takes "SUB" and "ſub" for "sub",
// so nothing that a provider has written is read with it.
package jwt

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/passport-go/passport/internal/strictbase64"
)

// Object is a JSON object. Its members may be of any type; each method reads one
// member and reports whether it is there and of the right type.
type Object map[string]stdjson.RawMessage

// ErrNotObject reports JSON that is no object, or one with a name that occurs
// twice.
var ErrNotObject = errors.New("not a JSON object with distinct names")

// ParseObject reads a JSON object.
func ParseObject(data []byte) (Object, error) {
	var o Object
	if json.Unmarshal(data, &o) != nil || o == nil {
		return nil, ErrNotObject
	}
	return o, nil
}

// Unmarshal reads JSON into v as encoding/json does, but with exact names. A
// member of an unexpected type is left out.
func Unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return nil
	}
	return err
}

// Has reports whether there is such a member, null included.
func (o Object) Has(name string) bool {
	_, has := o[name]
	return has
}

// Null reports whether a member is missing or null.
func (o Object) Null(name string) bool {
	raw := o[name]
	return len(raw) == 0 || string(raw) == "null"
}

// Text returns a string.
func (o Object) Text(name string) (string, bool) { return Text(o[name]) }

// Text returns a JSON string. Nearly all strings of tokens need no unescaping.
func Text(raw []byte) (s string, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1]), true
	}
	return s, stdjson.Unmarshal(raw, &s) == nil
}

// Texts returns an array of strings, or a string as an array of one (RFC 7519
// §4.1.3).
func (o Object) Texts(name string) ([]string, bool) {
	if one, ok := o.Text(name); ok {
		return []string{one}, true
	}
	if o.Null(name) {
		return nil, false
	}
	var raw []stdjson.RawMessage
	if stdjson.Unmarshal(o[name], &raw) != nil {
		return nil, false
	}
	many := make([]string, len(raw))
	for i := range raw {
		var ok bool
		if many[i], ok = Text(raw[i]); !ok {
			return nil, false
		}
	}
	return many, true
}

// Bool returns a boolean.
func (o Object) Bool(name string) (value, ok bool) {
	text := string(o[name])
	return text == "true", text == "true" || text == "false"
}

// Number returns a number, or a string that holds one.
func (o Object) Number(name string) (float64, bool) {
	raw := string(o[name])
	if text, ok := o.Text(name); ok {
		raw = strings.TrimSpace(text)
	}
	if strings.Trim(raw, "0123456789+-.eE") != "" { // no infinity, no hexadecimal
		return 0, false
	}
	n, err := strconv.ParseFloat(raw, 64)
	return n, err == nil
}

// Time returns a NumericDate (RFC 7519 §2), which is a number. Providers that have none
// send 0.
func (o Object) Time(name string) (time.Time, bool) {
	if _, isText := o.Text(name); isText {
		return time.Time{}, false
	}
	seconds, ok := o.Number(name)
	if !ok {
		return time.Time{}, false
	}
	t := Date(seconds)
	return t, !t.IsZero()
}

// Date is the moment of a NumericDate, or the zero Time if it is none: not after 1970, or
// after the year 5138, as of those who count milliseconds.
func Date(seconds float64) time.Time {
	if seconds <= 0 || seconds > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// Token is a JWT that was read, and not verified.
type Token struct {
	Header, Claims Object
	Payload        []byte // the JSON of Claims

	signature []byte
}

var (
	errParts    = errors.New("it is not a JWT with one signature")
	errPayload  = errors.New("its claims are not a JSON object with distinct names")
	errCritical = errors.New("its header asks for extensions that are not understood")
)

// Parse reads a JWT in its compact form. A token that demands extensions (crit of
// RFC 7515 §4.1.11, b64 of RFC 7797) is refused: none is understood.
func Parse(raw string) (*Token, error) {
	parts := strings.SplitN(raw, ".", 4)
	if len(parts) != 3 {
		return nil, errParts
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = strictbase64.RawURL(part); err != nil {
			return nil, errParts
		}
	}
	t := &Token{Payload: decoded[1], signature: decoded[2]}
	var err error
	if t.Header, err = ParseObject(decoded[0]); err != nil {
		return nil, errParts
	}
	if t.Header.Has("crit") || t.Header.Has("b64") && string(t.Header["b64"]) != "true" {
		return nil, errCritical
	}
	if t.Claims, err = ParseObject(t.Payload); err != nil {
		return nil, errPayload
	}
	return t, nil
}

// Type returns the header's typ in lower case, without application/ (RFC 7515
// §4.1.9). It is empty if there is none, and not ok if it is no string.
func (t *Token) Type() (typ string, ok bool) {
	if !t.Header.Has("typ") {
		return "", true
	}
	typ, ok = t.Header.Text("typ")
	return strings.TrimPrefix(strings.ToLower(typ), "application/"), ok
}
