package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// Each mode sends parameters and results in a form of its own.
func TestEveryVerbInEveryExecMode(t *testing.T) {
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement,
		pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec,
		pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			config := poolConfig(t, server.URL())
			config.ConnConfig.DefaultQueryExecMode = mode
			useEveryVerb(t, openPool(t, config))
		})
	}
}

// How the server writes values as text is the affair of whoever set it up, and some modes
// get text.
func TestEveryVerbHoweverTheServerWritesText(t *testing.T) {
	for name, value := range map[string]string{
		"bytea_output": "escape", "DateStyle": "SQL, DMY", "TimeZone": "Asia/Kolkata", "IntervalStyle": "sql_standard",
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
			t.Run(name+" "+mode.String(), func(t *testing.T) {
				config := poolConfig(t, server.URL())
				config.ConnConfig.RuntimeParams[name] = value
				config.ConnConfig.DefaultQueryExecMode = mode
				useEveryVerb(t, openPool(t, config))
			})
		}
	}
}

func TestEveryByteaIsReadFromText(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, format := range []string{"hex", "escape"} {
		config := poolConfig(t, server.URL())
		config.ConnConfig.RuntimeParams["bytea_output"] = format
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		for _, want := range [][]byte{{}, []byte(`\x00`), all} {
			assert.Equal(t, string(want), string(query[data](t, openPool(t, config), `SELECT $1::bytea`, want)), format)
		}
	}
	for _, damaged := range []string{`\x0`, `\xzz`, `\`, `\12`, `\400`, `\999`, `\+12`} {
		_, err := decodeBytea(damaged)
		assert.Error(t, err, damaged)
	}
}

func useEveryVerb(t *testing.T, pool *pgxpool.Pool) {
	clock := newClock()
	s := openStore(t, pool, Options{Now: clock.Now})
	useRecords(t, s)
	useQueue(t, s, clock)
	clock.advance(3 * time.Hour)
	assert.Equal(t, 1, sweep(t, s, 10))
	assert.NoError(t, s.Notify(t.Context(), "a", "b\x00'\\"))
}

// odd is a record with whatever might get lost on the way.
func odd(id string, s *Store) storage.Record {
	return storage.Record{
		ID: id + "\x00\xff'\\", Subject: `subject \x41 ' $1 é`, SID: "sid\x00 of " + id,
		Expiry: stored(s.now().Add(time.Hour)), Data: []byte("\x00\xff'\\x00$1"),
	}
}

func useRecords(t *testing.T, s *Store) {
	ctx := t.Context()
	a, err := s.Save(ctx, odd("a", s))
	require.NoError(t, err)
	_, err = s.Save(ctx, odd("a", s))
	assert.ErrorIs(t, err, storage.ErrConflict)
	a.Data = append(a.Data, "new"...)
	a, err = s.Save(ctx, a)
	require.NoError(t, err)
	bare, err := s.Save(ctx, storage.Record{ID: "bare", Expiry: a.Expiry})
	require.NoError(t, err)
	loaded, err := s.Load(ctx, a.ID)
	require.NoError(t, err)
	assert.Equal(t, a, loaded)

	for _, m := range []storage.Match{{Subject: a.Subject}, {SID: a.SID}, {Subject: a.Subject, SID: a.SID, Except: bare.ID}} {
		listed, err := s.List(ctx, m)
		require.NoError(t, err)
		assert.Equal(t, []storage.Record{a}, listed)
		removed, err := s.DeleteMatching(ctx, m)
		require.NoError(t, err)
		assert.Equal(t, []storage.Record{a}, removed)
		_, err = s.Save(ctx, a)
		assert.ErrorIs(t, err, storage.ErrNotFound)
		a.Revision = 0
		a, err = s.Save(ctx, a)
		require.NoError(t, err)
	}
	removed, err := s.Delete(ctx, a.ID)
	require.NoError(t, err)
	assert.Equal(t, a, removed)
}

func useQueue(t *testing.T, s *Store, clock *clock) {
	ctx := t.Context()
	a, err := s.Save(ctx, odd("a", s))
	require.NoError(t, err)
	b, err := s.Save(ctx, odd("b", s))
	require.NoError(t, err)
	first, err := s.DeleteAndEnqueue(ctx, a.ID, 3*time.Minute)
	require.NoError(t, err)
	assert.Equal(t, storage.Revocation{Record: a, Since: s.clock(), Due: s.clock().Add(3 * time.Minute)}, first)
	for _, m := range []storage.Match{{SID: a.SID}, {Subject: b.Subject, SID: a.SID}} {
		none, err := s.DeleteMatchingAndEnqueue(ctx, m, time.Minute)
		require.NoError(t, err)
		assert.Empty(t, none)
	}
	second, err := s.DeleteMatchingAndEnqueue(ctx, storage.Match{Subject: b.Subject}, 2*time.Minute)
	require.NoError(t, err)
	require.Len(t, second, 1)
	assert.Equal(t, b, second[0].Record)
	third, err := s.Enqueue(ctx, storage.Record{ID: "bare"}, time.Minute)
	require.NoError(t, err)
	_, err = s.Enqueue(ctx, a, time.Minute)
	assert.ErrorIs(t, err, storage.ErrConflict)

	clock.advance(3 * time.Minute)
	claimed, err := s.Claim(ctx, "", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, claimed, 3)
	assert.Equal(t, []string{third.Record.ID, b.ID, a.ID}, []string{claimed[0].Record.ID, claimed[1].Record.ID, claimed[2].Record.ID})
	assert.ErrorIs(t, s.Complete(ctx, first), storage.ErrConflict)
	require.NoError(t, s.Retry(ctx, claimed[2], clock.Now()))
	assert.ErrorIs(t, s.Retry(ctx, claimed[2], clock.Now()), storage.ErrConflict)
	require.NoError(t, s.Complete(ctx, claimed[1]))
	assert.ErrorIs(t, s.Complete(ctx, claimed[1]), storage.ErrNotFound)
}

// A revocation that is there already stays as it is, and so does the record.
func TestNoRevocationIsOverwritten(t *testing.T) {
	s := openStore(t, newPool(t), Options{})
	enqueued := aRecord("id")
	enqueued.Data = []byte("still to be revoked")
	_, err := s.Enqueue(t.Context(), enqueued, -time.Minute)
	require.NoError(t, err)
	saved, err := s.Save(t.Context(), aRecord("id"))
	require.NoError(t, err)

	_, err = s.DeleteAndEnqueue(t.Context(), "id", time.Minute)
	assert.ErrorIs(t, err, storage.ErrConflict)
	_, err = s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{SID: saved.SID}, time.Minute)
	assert.ErrorIs(t, err, storage.ErrConflict)
	loaded, err := s.Load(t.Context(), "id")
	require.NoError(t, err)
	assert.Equal(t, saved, loaded)
	revocations, err := s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, revocations, 1)
	assert.Equal(t, enqueued.Data, revocations[0].Record.Data)
}
