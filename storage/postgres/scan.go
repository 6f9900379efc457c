package postgres

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/passport-go/passport/storage"
)

// A column comes in PostgreSQL's binary format or, without a prepared statement, as
// text, whose form depends on the server's settings.

// text scans a bytea into a string, and NULL into an empty one.
type text string

// ScanBytes implements pgtype.BytesScanner, for the binary format.
func (t *text) ScanBytes(b []byte) error {
	*t = text(b)
	return nil
}

// ScanText implements pgtype.TextScanner.
func (t *text) ScanText(v pgtype.Text) error {
	b, err := decodeBytea(v.String)
	*t = text(b)
	return err
}

// data scans a bytea into bytes of its own.
type data []byte

// ScanBytes implements pgtype.BytesScanner, for the binary format.
func (d *data) ScanBytes(b []byte) error {
	*d = append(make([]byte, 0, len(b)), b...)
	return nil
}

// ScanText implements pgtype.TextScanner.
func (d *data) ScanText(v pgtype.Text) (err error) {
	*d, err = decodeBytea(v.String)
	return err
}

var errBytea = errors.New("neither hex nor escape is the format of a bytea")

// decodeBytea reads a bytea as text: in hex, or as the setting bytea_output = escape has
// it, where a backslash is doubled or begins three octal digits.
func decodeBytea(s string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(s, `\x`); ok {
		return hex.DecodeString(digits)
	}
	b := make([]byte, 0, len(s))
	for s != "" {
		switch {
		case s[0] != '\\':
			b, s = append(b, s[0]), s[1:]
		case strings.HasPrefix(s, `\\`):
			b, s = append(b, '\\'), s[2:]
		case len(s) < 4:
			return nil, errBytea
		default:
			octal, err := strconv.ParseUint(s[1:4], 8, 8)
			if err != nil {
				return nil, errBytea // err quotes it
			}
			b, s = append(b, byte(octal)), s[4:]
		}
	}
	return b, nil
}

// instant scans microseconds since 1970 into a time in UTC.
type instant time.Time

// ScanInt64 implements pgtype.Int64Scanner.
func (i *instant) ScanInt64(v pgtype.Int8) error {
	*i = instant(time.UnixMicro(v.Int64).UTC())
	return nil
}

// body returns the destinations of the columns after the ID.
func body(r *storage.Record) []any {
	return []any{(*text)(&r.Tenant), (*text)(&r.Kind), (*text)(&r.Subject), (*text)(&r.SID), &r.Revision, (*instant)(&r.Expiry), (*data)(&r.Data)}
}

// record returns the destinations of columns.
func record(r *storage.Record) []any {
	return append([]any{(*text)(&r.ID)}, body(r)...)
}

// revocation returns the destinations of revocationColumns.
func revocation(d *storage.Revocation) []any {
	return append(record(&d.Record), (*instant)(&d.Since), &d.Attempts, (*instant)(&d.Due))
}

// key returns s as a bytea, NULL if empty: empty keys are not indexed.
func key(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// notNull returns b as a bytea that is never NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
