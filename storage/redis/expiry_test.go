package redis

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// keysOf returns how long each key of the store has left, by its name without
// the prefix.
func keysOf(t testing.TB, admin *redis.Client, s *Store) map[string]time.Duration {
	t.Helper()
	left := map[string]time.Duration{}
	prefix := string(s.spaces[0])
	keys := admin.Scan(t.Context(), 0, prefix+"*", 1000).Iterator()
	for keys.Next(t.Context()) {
		left[keys.Val()[len(prefix):]] = admin.PTTL(t.Context(), keys.Val()).Val()
	}
	require.NoError(t, keys.Err())
	return left
}

func TestEveryKeyHasATimeToLive(t *testing.T) {
	admin := theServer(t).admin(t)
	var clock clock
	s := newStore(t, theServer(t).client(t), Options{Now: clock.now})
	check := func(want ...string) {
		t.Helper()
		left := keysOf(t, admin, s)
		for key, ttl := range left {
			assert.Positive(t, ttl, key)
			assert.LessOrEqual(t, ttl, 90*24*time.Hour, key)
		}
		for _, key := range want {
			assert.Contains(t, left, key)
		}
		assert.Len(t, left, len(want))
	}
	first := save(t, s, newRecord("a"))
	save(t, s, newRecord("b"))
	check("record:a", "record:b", "subject:0:0::alice", "sid:0:0::sid of a", "sid:0:0::sid of b")
	first.Subject = "bob"
	save(t, s, first)
	check("record:a", "record:b", "subject:0:0::alice", "subject:0:0::bob", "sid:0:0::sid of a", "sid:0:0::sid of b")
	deleteAndEnqueue(t, s, "a")
	check("record:b", "subject:0:0::alice", "sid:0:0::sid of b", "revocation:a", "due:")
	clock.advance(time.Minute)
	revocations, err := s.Claim(t.Context(), "", 1, time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Retry(t.Context(), revocations[0], clock.now()))
	_, err = s.Delete(t.Context(), "b")
	require.NoError(t, err)
	check("revocation:a", "due:")
	revocations, err = s.Claim(t.Context(), "", 1, time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Complete(t.Context(), revocations[0]))
	check()
}

func TestSessionsMayLastForEver(t *testing.T) {
	s := newStore(t, theServer(t).client(t), Options{})
	r := newRecord("a")
	r.Expiry = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	r = save(t, s, save(t, s, r))
	assertLive(t, s, r)
	for _, beyond := range []time.Time{r.Expiry.AddDate(0, 0, 1), time.Unix(1<<62, 0)} {
		r.Expiry = beyond
		_, err := s.Save(t.Context(), r)
		assert.ErrorContains(t, err, "Record.Expiry")
	}
	deleteAndEnqueue(t, s, "a")
}

func TestARevocationOutlivesItsRecordByMonths(t *testing.T) {
	admin := theServer(t).admin(t)
	s := newStore(t, theServer(t).client(t), Options{})
	r := newRecord("a")
	r.Expiry = time.Now().Add(time.Second)
	save(t, s, r)
	deleteAndEnqueue(t, s, "a")
	left := keysOf(t, admin, s)
	assert.Greater(t, left["revocation:a"], 89*24*time.Hour)
	assert.Greater(t, left["due:"], 89*24*time.Hour)
}

func TestAnIndexLivesAsLongAsItsLastRecord(t *testing.T) {
	admin := theServer(t).admin(t)
	s := newStore(t, theServer(t).client(t), Options{})
	long, short := newRecord("long"), newRecord("short")
	short.Expiry = time.Now().Add(time.Minute)
	save(t, s, long)
	save(t, s, short)
	assert.Greater(t, keysOf(t, admin, s)["subject:0:0::alice"], 59*time.Minute)
	assert.LessOrEqual(t, keysOf(t, admin, s)["sid:0:0::sid of short"], time.Minute)
}

func TestTheServerDropsWhatHasExpired(t *testing.T) {
	admin := theServer(t).admin(t)
	s := newStore(t, theServer(t).client(t), Options{})
	brief := newRecord("brief")
	brief.Expiry = time.Now().Add(50 * time.Millisecond)
	save(t, s, brief)
	eventually(t, func() bool { return len(keysOf(t, admin, s)) == 0 }, "the keys to go")
}

// The records of others that the server has dropped leave the index with the
// next login.
func TestASaveClearsExpiredRecordsFromTheIndex(t *testing.T) {
	ctx, admin := t.Context(), theServer(t).admin(t)
	s := newStore(t, theServer(t).client(t), Options{})
	soon := time.Now().Add(2 * time.Second) // and not before the fourth is stored
	for _, id := range []string{"a", "b", "c"} {
		brief := newRecord(id)
		brief.Expiry = soon
		save(t, s, brief)
	}
	save(t, s, newRecord("long"))
	index := s.spaces[0].index(storage.Match{Subject: "alice"})
	require.EqualValues(t, 4, admin.ZCard(ctx, index).Val())
	eventually(t, func() bool { return len(keysOf(t, admin, s)) == 3 }, "the records to go") // long, and its indexes
	save(t, s, newRecord("last"))
	assert.ElementsMatch(t, []string{"last", "long"}, admin.ZRange(ctx, index, 0, -1).Val())
}

// An instance whose clock is ahead must not hide a record from the logouts of
// the others.
func TestAClockAheadLeavesTheIndexAlone(t *testing.T) {
	client, prefix := theServer(t).client(t), newPrefix()
	var ahead clock
	ahead.advance(2 * time.Hour)
	here := newStore(t, client, Options{Prefix: prefix})
	there := newStore(t, client, Options{Prefix: prefix, Now: ahead.now})

	save(t, here, newRecord("a"))
	r := newRecord("b")
	r.Expiry = ahead.now().Add(time.Second)
	save(t, there, r)
	removed, err := there.DeleteMatching(t.Context(), storage.Match{Subject: "alice"})
	require.NoError(t, err)
	assert.Len(t, removed, 1)
	removed, err = here.DeleteMatching(t.Context(), storage.Match{Subject: "alice"})
	require.NoError(t, err)
	assert.Len(t, removed, 1)
}
