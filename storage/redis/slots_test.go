package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

func TestSpacesAreSpreadEvenlyOverTheSlots(t *testing.T) {
	admin := theCluster(t).nodes[0].admin(t)
	for i, in := range newSpaces(defaultPrefix, true) {
		slot := admin.ClusterKeySlot(t.Context(), in.record("a")).Val()
		assert.EqualValues(t, i, slot*int64(len(slotTags))/16384, in)
		for _, key := range []string{in.revocation("{b}"), in.due(""), in.index(storage.Match{Subject: "{c}"}), in.index(storage.Match{SID: "}d{"})} {
			assert.Equal(t, slot, admin.ClusterKeySlot(t.Context(), key).Val(), key)
		}
	}
}

// What is stored under one layout must be found by every later version.
func TestTheLayoutStays(t *testing.T) {
	one := newStore(t, theServer(t).client(t), Options{Prefix: defaultPrefix})
	assert.Equal(t, "passport:record:a", one.space("a").record("a"))
	spread := newStore(t, theServer(t).client(t), Options{Prefix: defaultPrefix, Spread: true})
	for id, want := range map[string]string{
		"":  "passport:{72}:record:",
		"a": "passport:{60}:record:a",
		"b": "passport:{72}:record:b",
		"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU": "passport:{51}:record:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
	} {
		assert.Equal(t, want, spread.space(id).record(id))
	}
}

func TestEveryNodeOfAClusterHoldsItsShare(t *testing.T) {
	c := theCluster(t)
	s := newStore(t, c.client(t), Options{})
	for i := range 300 {
		save(t, s, newRecord(fmt.Sprint(i)))
	}
	for _, node := range c.nodes {
		keys := 0
		for _, in := range s.spaces {
			keys += len(node.admin(t).Keys(t.Context(), in.record("*")).Val())
		}
		assert.InDelta(t, 100, keys, 50)
	}
}

func TestAClusterThatIsDownInPartLogsOutWhomItCan(t *testing.T) {
	c, err := startCluster()
	require.NoError(t, err)
	t.Cleanup(c.remove)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.addrs(), MaxRedirects: 1, DialerRetries: 1})
	t.Cleanup(func() { _ = client.Close() })
	s := newStore(t, client, Options{})
	for i := range 60 {
		save(t, s, newRecord(fmt.Sprint(i)))
	}
	for i := range 60 {
		_, err := s.Enqueue(t.Context(), newRecord(fmt.Sprint("revocation ", i)), -time.Minute) // due at once
		require.NoError(t, err)
	}
	c.nodes[2].kill()

	revocations, err := s.DeleteMatchingAndEnqueue(t.Context(), storage.Match{Subject: "alice"}, time.Minute)
	assert.ErrorContains(t, err, "storage/redis: delete matching: ")
	assert.Greater(t, len(revocations), 20)
	assert.Less(t, len(revocations), 60)
	for _, d := range revocations {
		assertGone(t, s, d.Record.ID)
	}
	revocations, err = s.Claim(t.Context(), "", 100, time.Minute)
	assert.ErrorContains(t, err, "storage/redis: claim: ")
	assert.Greater(t, len(revocations), 20)
	assert.Less(t, len(revocations), 60)
	_, err = s.List(t.Context(), storage.Match{Subject: "alice"})
	assert.ErrorContains(t, err, "storage/redis: list: ")
}
