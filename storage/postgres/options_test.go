package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

func TestNewNamesTheFieldThatIsWrong(t *testing.T) {
	pool := newPool(t)
	for _, test := range []struct {
		name  string
		opts  Options
		wants string
	}{
		{"NUL in the prefix", Options{Prefix: "a\x00b"}, "Options.Prefix"},
		{"a schema that is not UTF-8", Options{Schema: "\xff"}, "Options.Schema"},
		{"names that the server would cut off", Options{Schema: strings.Repeat("s", 25), Prefix: strings.Repeat("p", 20)}, "45 bytes together: shorten them to 44"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(pool, test.opts)
			assert.ErrorContains(t, err, test.wants)
		})
	}
	_, err := New(nil, Options{})
	assert.ErrorContains(t, err, "pool is nil")
}

// The names at the limit must reach the server whole, and whatever is in them
// must stay a name.
func TestNamesAreTakenAsTheyAre(t *testing.T) {
	pool := newPool(t)
	for _, opts := range []Options{
		{Schema: strings.Repeat("s", 22), Prefix: strings.Repeat("p", 22)},
		{Schema: `Big "quoted"; schema`, Prefix: `x"; DROP TABLE y; --`},
		{Schema: "schéma", Prefix: "{revocations}'$1 "},
	} {
		t.Run(opts.Schema, func(t *testing.T) {
			s := openStore(t, pool, opts)
			defer execute(t, pool, `DROP SCHEMA `+pgx.Identifier{opts.Schema}.Sanitize()+` CASCADE`)
			saved, err := s.Save(t.Context(), aRecord("id"))
			require.NoError(t, err)
			loaded, err := s.Load(t.Context(), "id")
			require.NoError(t, err)
			assert.Equal(t, saved, loaded)
			_, err = s.DeleteAndEnqueue(t.Context(), "id", time.Minute)
			require.NoError(t, err)
			assert.NoError(t, s.Notify(t.Context(), "id"))
			assert.Equal(t, int64(3), query[int64](t, pool,
				`SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND starts_with(tablename, $2)`, opts.Schema, opts.Prefix))
		})
	}
}

func TestPrefixesKeepStoresApart(t *testing.T) {
	pool := newPool(t)
	a, b := openStore(t, pool, Options{}), openStore(t, pool, Options{})
	_, err := a.Save(t.Context(), aRecord("id"))
	require.NoError(t, err)
	_, err = b.Load(t.Context(), "id")
	assert.ErrorIs(t, err, storage.ErrNotFound)
}

// aRecord returns one that lives for an hour.
func aRecord(id string) storage.Record {
	return storage.Record{
		ID: id, Subject: "subject of " + id, SID: "sid of " + id, Data: []byte("data of " + id),
		Expiry: stored(time.Now().Add(time.Hour)),
	}
}
