package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

func TestErrorsShowTheWayOut(t *testing.T) {
	t.Run("no tables", func(t *testing.T) {
		s := newStore(t, newPool(t), Options{})
		_, err := s.Load(t.Context(), "id")
		assert.ErrorContains(t, err, "storage/postgres: load: ")
		assert.ErrorContains(t, err, "call Migrate first")
	})
	t.Run("no schema", func(t *testing.T) {
		s := newStore(t, newPool(t), Options{Schema: "nowhere"})
		_, err := s.Save(t.Context(), aRecord("id"))
		assert.ErrorContains(t, err, "call Migrate first")
	})
	t.Run("a read-only server", func(t *testing.T) {
		opts := Options{Prefix: freshPrefix()}
		openStore(t, newPool(t), opts)
		config := poolConfig(t, server.URL())
		config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
		s := newStore(t, openPool(t, config), opts)
		_, err := s.Save(t.Context(), aRecord("id"))
		assert.ErrorContains(t, err, "lead it to the primary")
		_, err = s.Load(t.Context(), "id")
		assert.ErrorIs(t, err, storage.ErrNotFound, "reading goes on")
	})
	t.Run("row level security without a policy", func(t *testing.T) {
		owner := newPool(t)
		opts := Options{Prefix: freshPrefix()}
		s := openStore(t, owner, opts)
		role := opts.Prefix + "secured"
		execute(t, owner, `CREATE ROLE `+role+` LOGIN`)
		execute(t, owner, `GRANT ALL ON `+s.names.table("records")+` TO `+role)
		execute(t, owner, `ALTER TABLE `+s.names.table("records")+` ENABLE ROW LEVEL SECURITY`)
		config := poolConfig(t, server.URL())
		config.ConnConfig.User = role
		_, err := newStore(t, openPool(t, config), opts).Save(t.Context(), aRecord("id"))
		assert.ErrorContains(t, err, "with no row level security")
	})
	t.Run("no server", func(t *testing.T) {
		s := newStore(t, openPool(t, poolConfig(t, "postgres://user:hush@127.0.0.1:1/db")), Options{})
		_, err := s.Load(t.Context(), "id")
		assert.ErrorContains(t, err, "connection refused")
		assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), "hush")
	})
}

// A trigger, or a policy, can have the server skip a row that it shows. Trying again shows
// the same.
func TestARowThatTheServerKeepsAsItIsIsNoEndlessLoop(t *testing.T) {
	pool := newPool(t)
	clock := newClock()
	s := openStore(t, pool, Options{Now: clock.Now})
	saved, err := s.Save(t.Context(), aRecord("id"))
	require.NoError(t, err)
	enqueued, err := s.Enqueue(t.Context(), aRecord("pending"), time.Minute)
	require.NoError(t, err)
	execute(t, pool, `CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	for _, table := range []string{"records", "revocations"} {
		execute(t, pool, `CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON `+s.names.table(table)+` FOR EACH ROW EXECUTE FUNCTION keep()`)
	}
	_, err = s.Save(t.Context(), saved)
	assert.ErrorContains(t, err, "look for a trigger")
	assert.ErrorContains(t, s.Retry(t.Context(), enqueued, clock.Now()), "look for a trigger")
	assert.ErrorContains(t, s.Complete(t.Context(), enqueued), "look for a trigger")
}

// The server quotes rows in the detail of some errors, and functions' arguments
// in the context.
func TestErrorsDoNotQuoteRows(t *testing.T) {
	err := failed("enqueue", fmt.Errorf("wrapped: %w", &pgconn.PgError{
		Code: "23514", Message: "refused", Detail: "Failing row contains (hush).", Where: "hush", InternalQuery: "hush",
	}))
	server := (*pgconn.PgError)(nil)
	require.ErrorAs(t, err, &server)
	assert.Equal(t, "23514", server.Code)
	assert.NotContains(t, fmt.Sprintf("%+v %#v %#v", err, err, server), "hush")
}

func TestPatienceEndsWithTheContext(t *testing.T) {
	busy := &pgconn.PgError{Code: serializationFailure}
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := patiently(ctx, func() error {
		if tries++; tries == 3 {
			cancel()
		}
		return busy
	})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 3, tries)
}

func TestPatienceIsForOtherTransactionsOnly(t *testing.T) {
	for _, want := range []error{errors.New("lost"), &pgconn.PgError{Code: "53100"}} {
		tries := 0
		err := patiently(t.Context(), func() error { tries++; return want })
		assert.Equal(t, want, err)
		assert.Equal(t, 1, tries)
	}
}

func TestPatienceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := &pgconn.PgError{Code: deadlockDetected}
		start, tries := time.Now(), 0
		err := patiently(t.Context(), func() error { tries++; return busy })
		assert.Equal(t, busy, err)
		assert.Equal(t, 11, tries)
		assert.LessOrEqual(t, time.Since(start), 1023*time.Millisecond)
	})
}

// Sessions are written to while their user logs out everywhere, and the database
// is set to turn away what meets other writers.
func TestALogoutGetsThroughToABusySession(t *testing.T) {
	config := poolConfig(t, server.URL())
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	s := openStore(t, openPool(t, config), Options{})
	writers := newPool(t)
	saved, err := s.Save(t.Context(), aRecord("busy"))
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = writers.Exec(ctx, s.names.fill(`UPDATE {records} SET revision = revision + 1`))
			}
		})
	}
	for range 10 {
		revocations, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: saved.Subject}, time.Minute)
		require.NoError(t, err)
		require.Len(t, revocations, 1)
		require.NoError(t, s.Complete(t.Context(), revocations[0]))
		_, err = s.Save(t.Context(), aRecord("busy"))
		require.NoError(t, err)
	}
}
