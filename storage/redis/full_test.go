package redis

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// fill leaves the server without memory to give.
func fill(t *testing.T, admin *redis.Client) {
	require.NoError(t, admin.ConfigSet(t.Context(), "maxmemory", "1").Err())
}

func TestAFullServerRefusesOnlyNewSessions(t *testing.T) {
	server := newServer(t, "maxmemory-policy noeviction")
	admin := server.admin(t)
	for _, spread := range []bool{false, true} {
		var clock clock
		s := newStore(t, server.client(t), Options{Now: clock.now, Spread: spread})
		first := save(t, s, newRecord("a"))
		for _, id := range []string{"b", "c", "d", "e"} {
			save(t, s, newRecord(id))
		}
		fill(t, admin)

		for _, id := range []string{"new", "newer"} { // with the script unknown, and known
			_, err := s.Save(t.Context(), newRecord(id))
			assert.ErrorIs(t, err, storage.ErrFull)
			assert.ErrorContains(t, err, "maxmemory")
			assertGone(t, s, id)
		}
		listed, err := s.List(t.Context(), storage.Match{Subject: "alice"})
		require.NoError(t, err)
		assert.Len(t, listed, 5, "a record that was refused is in no index")

		assertLive(t, s, first)
		first.Subject, first.SID, first.Data = "bob", "another sid", make([]byte, 10_000)
		assertLive(t, s, save(t, s, first))
		endAllWays(t, s, &clock)

		require.NoError(t, admin.ConfigSet(t.Context(), "maxmemory", "0").Err())
		save(t, s, newRecord("new"))
	}
}

// endAllWays removes b to e, and does all that there is to do with revocations.
func endAllWays(t *testing.T, s *Store, clock *clock) {
	_, err := s.Delete(t.Context(), "b")
	require.NoError(t, err)
	deleteAndEnqueue(t, s, "c")
	removed, err := s.DeleteMatching(t.Context(), storage.Match{SID: "sid of d"})
	require.NoError(t, err)
	assert.Len(t, removed, 1)
	enqueued, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "alice"}, time.Minute)
	require.NoError(t, err)
	assert.Len(t, enqueued, 1)
	_, err = s.Enqueue(t.Context(), newRecord("f"), time.Minute)
	require.NoError(t, err)

	clock.advance(time.Minute)
	revocations, err := s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, revocations, 3)
	require.NoError(t, s.Retry(t.Context(), revocations[0], clock.now()))
	for _, d := range revocations[1:] {
		require.NoError(t, s.Complete(t.Context(), d))
	}
}
