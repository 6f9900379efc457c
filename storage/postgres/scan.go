package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/passport-go/passport/storage"
)

// text scans a bytea into a string, and NULL into an empty one.
type text string

func (t *text) ScanBytes(b []byte) error {
	*t = text(b)
	return nil
}

// instant scans a timestamptz into a time in UTC, whatever zone the process or
// the type map of the pool is set to.
type instant time.Time

func (i *instant) ScanTimestamptz(v pgtype.Timestamptz) error {
	*i = instant(v.Time.UTC())
	return nil
}

// body returns the destinations of the columns after the ID.
func body(r *storage.Record) []any {
	return []any{(*text)(&r.Tenant), (*text)(&r.Kind), (*text)(&r.Subject), (*text)(&r.SID), &r.Revision, (*instant)(&r.Expiry), &r.Data}
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
