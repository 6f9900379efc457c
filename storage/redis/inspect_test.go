package redis

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

func findingIDs(found []storage.Finding) []string {
	all := []string{}
	for _, f := range found {
		all = append(all, f.ID)
	}
	return all
}

func inspectServer(t *testing.T, lines ...string) []string {
	t.Helper()
	s, err := startServer(lines...)
	require.NoError(t, err)
	t.Cleanup(s.remove)
	client := redis.NewClient(&redis.Options{Addr: s.addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	found, err := newStore(t, client, Options{}).Inspect(t.Context())
	require.NoError(t, err)
	for _, f := range found {
		assert.NotEmpty(t, f.Seen, f.ID)
	}
	return findingIDs(found)
}

// Each setting that the documentation asks for is found if it is another.
func TestInspectFindsWhatTheServerIsSetUpFor(t *testing.T) {
	sound := []string{"maxmemory 100mb", "maxmemory-policy noeviction", "appendonly yes", "appendfsync always"}
	for name, test := range map[string]struct {
		lines []string
		want  []string
	}{
		"as documented": {sound, []string{}},
		"a cache":       {append(sound, "maxmemory-policy allkeys-lru"), []string{"redis.eviction"}},
		"the defaults":  {nil, []string{"redis.no-maxmemory", "redis.not-durable"}},
		"once a second": {append(sound, "appendfsync everysec"), []string{"redis.fsync"}},
		"memory is out": {append(sound, "maxmemory 900kb"), []string{"redis.memory"}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, inspectServer(t, test.lines...)) })
	}
}

func TestInspectFindsReplication(t *testing.T) {
	primary, err := startServer("maxmemory 100mb", "appendonly yes", "appendfsync always", "repl-diskless-sync-delay 0")
	require.NoError(t, err)
	t.Cleanup(primary.remove)
	replica, err := startServer("maxmemory 100mb", "appendonly yes", "appendfsync always", "replicaof 127.0.0.1 "+primary.addr[len("127.0.0.1:"):])
	require.NoError(t, err)
	t.Cleanup(replica.remove)
	stores := map[*server]*Store{}
	for _, s := range []*server{primary, replica} {
		client := redis.NewClient(&redis.Options{Addr: s.addr, ContextTimeoutEnabled: true})
		t.Cleanup(func() { assert.NoError(t, client.Close()) })
		stores[s] = newStore(t, client, Options{})
	}
	found, err := stores[replica].Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"redis.replica"}, findingIDs(found))
	eventually(t, func() bool {
		found, err = stores[primary].Inspect(t.Context())
		return err == nil && len(found) > 0
	}, "the replica to connect")
	assert.Equal(t, []string{"redis.failover"}, findingIDs(found))
	waits, err := newStore(t, stores[primary].client, Options{WaitReplicas: 1}).Inspect(t.Context())
	require.NoError(t, err)
	assert.Empty(t, waits, "the store sees to it")
	require.NoError(t, stores[primary].client.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	found, err = stores[primary].Inspect(t.Context())
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestInspectFindsEvictedKeysAndOldServers(t *testing.T) {
	assert.Equal(t, []string{"redis.version", "redis.evicted"}, findingIDs(settings{
		"redis_version": "6.0.16", "role": "master", "maxmemory": "100", "evicted_keys": "3", "aof_enabled": "1",
	}.inspect()))
	assert.Empty(t, settingsIn("# Server\r\nredis_version:7.1.0\r\nrole:master\r\nused_memory:5\r\n").inspect(), "a service that does not say more")
	for version, before := range map[string]bool{"6.2.0": false, "7.0.15": false, "5.9": true, "10.0": false, "unknown": false} {
		assert.Equal(t, before, isBefore(version, 6, 2), version)
	}
}

func TestInspectLeavesToTheStoreWhatItWaitsFor(t *testing.T) {
	lax := settings{"aof_enabled": "1", "appendfsync": "everysec", "connected_slaves": "2"}
	assert.Equal(t, []string{"redis.fsync", "redis.failover"}, findingIDs(lax.inspectConfig(nil)))
	assert.Equal(t, []string{"redis.fsync"}, findingIDs(lax.inspectConfig(&replicas{count: 1})))
	assert.Equal(t, []string{"redis.failover"}, findingIDs(lax.inspectConfig(&replicas{fsync: true})))
}

// Each of them can work with part of the keys, or fails with an error of which the cause is
// not obvious.
func TestAStoreThatDoesNotKnowOfItsClusterIsTold(t *testing.T) {
	one := newClient(t, &redis.Options{Addr: theCluster(t).addrs()[0], ContextTimeoutEnabled: true})
	hidden := struct{ redis.UniversalClient }{theCluster(t).client(t)}
	for name, client := range map[string]redis.UniversalClient{"a client of one node": one, "a client inside another": hidden} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, client, Options{})
			found, err := s.Inspect(t.Context())
			require.NoError(t, err)
			assert.Contains(t, findingIDs(found), "redis.cluster")
			for _, id := range []string{"a", "b", "c", "d"} { // on several nodes
				_, err = s.Save(t.Context(), newRecord(id))
				assert.ErrorContains(t, err, "NewClusterClient", id)
			}
			for _, answer := range []string{
				"CROSSSLOT Keys in request don't hash to the same slot",
				"ERR Script attempted to access keys that do not hash to the same slot script: f00, on @user_script:5.",
			} {
				assert.ErrorContains(t, s.failure("list", serverError(answer)), "NewClusterClient")
			}
		})
	}
	for name, s := range map[string]*Store{
		"spread":  newStore(t, hidden, Options{Spread: true}),
		"cluster": newStore(t, theCluster(t).client(t), Options{}),
		"single":  newStore(t, theServer(t).client(t), Options{}),
	} {
		found, err := s.Inspect(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, findingIDs(found), "redis.cluster", name)
		save(t, s, newRecord("a"))
	}
}

// A server quotes the arguments of a command that it does not know.
func TestErrorsSayWhatToDoAndDoNotQuote(t *testing.T) {
	for line, does := range map[string]func(*Store) error{
		`rename-command EVALSHA ""`: func(s *Store) error {
			_, err := s.DeleteMatching(t.Context(), storage.Match{Subject: "alice"})
			return err
		},
		`rename-command GET "another"`: func(s *Store) error {
			_, err := s.Load(t.Context(), "alice")
			return err
		},
	} {
		err := does(newStore(t, newServer(t, line).client(t), Options{}))
		assert.ErrorContains(t, err, "rename-command")
		assert.NotContains(t, err.Error(), "alice")
		var answer redis.Error
		assert.ErrorAs(t, err, &answer)
	}
	s := newServer(t, "user limited on >pass ~* &* +@all -get")
	_, err := newStore(t, newClient(t, &redis.Options{Addr: s.addr, Username: "limited", Password: "pass"}), Options{}).Load(t.Context(), "a")
	assert.ErrorContains(t, err, "lists what an ACL user needs")
	replica := newServer(t, "replicaof 127.0.0.1 1")
	_, err = newStore(t, newClient(t, &redis.Options{Addr: replica.addr, MaxRetries: -1}), Options{}).Save(t.Context(), newRecord("a"))
	assert.ErrorContains(t, err, "lead it to the primary")
}

// A server that hangs holds up a request for longer than it should be.
func TestInspectFindsAClientThatIgnoresDeadlines(t *testing.T) {
	for _, client := range []redis.UniversalClient{theServer(t).client(t), theCluster(t).client(t)} {
		found, err := newStore(t, client, Options{}).Inspect(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "redis.context-timeout", findingIDs(found)[0])
		assert.NotContains(t, findingIDs(found)[1:], "redis.context-timeout", "it is one client")
	}
	one := newClient(t, &redis.Options{Addr: theServer(t).addr, ContextTimeoutEnabled: true})
	all := redis.NewClusterClient(&redis.ClusterOptions{Addrs: theCluster(t).addrs(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = all.Close() })
	for _, client := range []redis.UniversalClient{one, all} {
		found, err := newStore(t, client, Options{}).Inspect(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, findingIDs(found), "redis.context-timeout")
	}
}

// A user with the rights that the documentation lists may not read settings. That is
// said, and no more.
func TestInspectWithoutRights(t *testing.T) {
	s, err := startServer("maxmemory 100mb", "user limited on >pass ~* &* +@all -info -config")
	require.NoError(t, err)
	t.Cleanup(s.remove)
	client := redis.NewClient(&redis.Options{Addr: s.addr, Username: "limited", Password: "pass", ContextTimeoutEnabled: true})
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	found, err := newStore(t, client, Options{}).Inspect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"redis.unknown"}, findingIDs(found))
	assert.Equal(t, storage.Note, found[0].Severity)

	s.remove()
	_, err = newStore(t, client, Options{}).Inspect(t.Context())
	assert.Error(t, err)
}

func TestInspectAsksEachPrimaryOfACluster(t *testing.T) {
	found, err := newStore(t, theCluster(t).client(t), Options{}).Inspect(t.Context())
	require.NoError(t, err)
	count := 0
	for _, f := range found {
		if f.ID == "redis.no-maxmemory" {
			count++
		}
	}
	assert.GreaterOrEqual(t, count, 3, "%+v", found)
}
