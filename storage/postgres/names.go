package postgres

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// maxNames keeps the longest name made from a schema and a prefix within the 63
// bytes of a PostgreSQL identifier. The server silently truncates longer ones, and
// two stores could end up sharing a table.
const maxNames = 44

// names are the database objects of one store.
type names struct {
	schema  string
	prefix  string
	channel string
}

func newNames(schema, prefix string) (names, error) {
	n := names{schema: schema, prefix: prefix, channel: schema + "." + prefix + "ended"}
	return n, errors.Join(checkName("Schema", schema), checkName("Prefix", prefix), n.checkLength())
}

func checkName(field, name string) error {
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return fmt.Errorf("storage/postgres: Options.%s: %q is not a PostgreSQL name: it must be UTF-8 without NUL", field, name)
	}
	return nil
}

func (n names) checkLength() error {
	if length := len(n.schema) + len(n.prefix); length > maxNames {
		return fmt.Errorf("storage/postgres: Options.Schema and Options.Prefix take %d bytes together: shorten them to %d", length, maxNames)
	}
	return nil
}

// table returns the quoted and qualified name of a table.
func (n names) table(name string) string {
	return pgx.Identifier{n.schema, n.prefix + name}.Sanitize()
}

// index returns the quoted name of an index, which is in its table's schema.
func (n names) index(name string) string {
	return pgx.Identifier{n.prefix + name}.Sanitize()
}

// fill replaces the placeholders in sql with the names.
func (n names) fill(sql string) string {
	return strings.NewReplacer(
		"{records}", n.table("records"),
		"{revocations}", n.table("revocations"),
		"{migrations}", n.table("migrations"),
		"{records_subject}", n.index("records_subject"),
		"{records_sid}", n.index("records_sid"),
		"{records_sweep_after}", n.index("records_sweep_after"),
		"{revocations_due}", n.index("revocations_due"),
	).Replace(sql)
}

// lock is the key of the advisory lock for migrations in one schema. It does not
// depend on the prefix, because the first migration creates the schema.
func (n names) lock() int64 {
	h := fnv.New64a()
	h.Write([]byte("passport migrate " + n.schema))
	return int64(h.Sum64())
}
