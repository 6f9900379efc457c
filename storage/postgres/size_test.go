package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// A page of 8 KB has as many sessions as leave room for a new version of one, so that
// what is in use is updated in place, for ever, and nothing goes to a TOAST table.
func TestAPageHasRoomForItsSessionsAndOneMore(t *testing.T) {
	const sessions = 300
	for _, row := range []struct{ data, perPage int }{{1600, 3}, {2150, 2}, {2750, 1}} {
		pool := newPool(t)
		s := openStore(t, pool, Options{})
		execute(t, pool, s.names.fill(`ALTER TABLE {records} SET (autovacuum_enabled = off)`))
		size := func() (pages, toast int) {
			err := pool.QueryRow(t.Context(), `
				SELECT pg_relation_size(oid) / 8192, pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = $1::regclass`,
				s.names.fill(`{records}`)).Scan(&pages, &toast)
			require.NoError(t, err)
			return pages, toast
		}
		at := time.Now().Truncate(time.Hour).Add(24 * time.Hour) // within the hour, sweep_after stays
		stored := make([]storage.Record, sessions)
		for i := range stored {
			var err error
			stored[i], err = s.Save(t.Context(), storage.Record{
				ID: fmt.Sprintf("%043d", i), Tenant: "a tenant's 16 ch", Kind: storage.KindSession,
				Subject: fmt.Sprintf("auth0|%024d", i/3), SID: fmt.Sprintf("%032d", i), Expiry: at, Data: make([]byte, row.data),
			})
			require.NoError(t, err)
		}
		pages, toast := size()
		assert.Equal(t, sessions/row.perPage, pages, "of %d bytes", row.data)
		assert.Zero(t, toast)
		for minute := range 5 {
			for i := range stored {
				stored[i].Expiry = at.Add(time.Duration(minute+1) * time.Minute)
				var err error
				stored[i], err = s.Save(t.Context(), stored[i])
				require.NoError(t, err)
			}
		}
		touched, _ := size()
		assert.LessOrEqual(t, touched, pages+pages/20, "of %d bytes", row.data)
	}
}
