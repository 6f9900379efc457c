package redis

import (
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the package documentation says.
const (
	documentedCommands        = "GET MGET EXISTS ZCARD ZRANGE ZRANGEBYSCORE EVAL EVALSHA PUBLISH SUBSCRIBE"
	documentedScriptCommands  = "SET DEL SETRANGE GETRANGE PEXPIRE PTTL ZADD ZREM ZSCORE"
	documentedClientCommands  = "PING HELLO SELECT CLIENT|SETNAME"
	documentedClusterCommands = "CLUSTER|SLOTS COMMAND"
	documentedWaitCommands    = "WAIT" // WAITAOF is not one of Redis 7.0
)

// allow gives the user "app" what is documented, and no more.
func allow(t testing.TB, s *server, prefix string) {
	rule := []any{"ACL", "SETUSER", "app", "reset", "on", ">secret", "~" + prefix + "*", "&" + prefix + "*"}
	for _, command := range strings.Fields(documentedCommands + " " + documentedScriptCommands + " " +
		documentedClientCommands + " " + documentedClusterCommands + " " + documentedWaitCommands) {
		rule = append(rule, "+"+strings.ToLower(command))
	}
	require.NoError(t, s.admin(t).Do(t.Context(), rule...).Err())
}

func TestTheDocumentedPermissionsSuffice(t *testing.T) {
	documentation, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	words := strings.FieldsFunc(string(documentation), func(r rune) bool { return r < 'A' || r > 'Z' })
	for _, command := range strings.Fields(strings.ReplaceAll(documentedCommands+" "+documentedScriptCommands+" "+
		documentedClientCommands+" "+documentedClusterCommands+" "+documentedWaitCommands, "|", " ")) {
		assert.Contains(t, words, command, "doc.go")
	}
	prefix := newPrefix()
	allow(t, theServer(t), prefix)
	for _, node := range theCluster(t).nodes {
		allow(t, node, prefix)
	}
	for name, client := range map[string]redis.UniversalClient{
		"one server": newClient(t, &redis.Options{Addr: theServer(t).addr, Username: "app", Password: "secret"}),
		"a numbered database, and a name": newClient(t, &redis.Options{
			Addr: theServer(t).addr, Username: "app", Password: "secret", DB: 3, ClientName: "shop",
		}),
		"cluster": redis.NewClusterClient(&redis.ClusterOptions{Addrs: theCluster(t).addrs(), Username: "app", Password: "secret"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { _ = client.Close() })
			var clock clock
			s := newStore(t, client, Options{Prefix: prefix, Now: clock.now})
			liveOut(t, s, &clock)
			liveOut(t, waitForNone(newStore(t, client, Options{Prefix: prefix, Now: clock.now})), &clock)
			hear(t, s)
			_, err := newStore(t, client, Options{}).Load(t.Context(), "a")
			assert.ErrorContains(t, err, "NOPERM", "another prefix")
		})
	}
}
