package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

var _ storage.Inspector = (*Store)(nil)

// What Inspect finds.
var (
	foundEviction = storage.Finding{
		ID: "redis.eviction", Severity: storage.Problem,
		Why:    "The server removes keys as it sees fit: sessions, the index by which a logout everywhere finds them, and revocations, whose tokens then stay valid.",
		Remedy: "Set maxmemory-policy to noeviction, and use a server that is not a cache as well.",
	}
	foundEvicted = storage.Finding{
		ID: "redis.evicted", Severity: storage.Problem,
		Why:    "The server has removed keys before their time. Some logouts may have missed sessions.",
		Remedy: "Set maxmemory-policy to noeviction, give the server more memory, and end all sessions once.",
	}
	foundNoLimit = storage.Finding{
		ID: "redis.no-maxmemory", Severity: storage.Warning,
		Why:    "Without a limit the system ends the server when memory is out, and everything since the last write to disk is lost.",
		Remedy: "Set maxmemory below what the machine has. Logins are then refused first, and sessions can still be ended.",
	}
	foundMemory = storage.Finding{
		ID: "redis.memory", Severity: storage.Warning,
		Why:    "When memory is out, nobody can sign in.",
		Remedy: "Raise maxmemory, or shorten SessionLifetime and IdleTimeout.",
	}
	foundVolatile = storage.Finding{
		ID: "redis.not-durable", Severity: storage.Warning,
		Why:    "After a crash the server has what its last snapshot had, or nothing: sessions are gone, sessions that had ended are back, and pending revocations are lost.",
		Remedy: "Set appendonly yes and appendfsync always.",
	}
	foundSync = storage.Finding{
		ID: "redis.fsync", Severity: storage.Warning,
		Why:    "After a crash the last second or more is missing. If a logout was in it, the session is there again.",
		Remedy: "Set appendfsync always, or Options.WaitFsync of the store.",
	}
	foundReplica = storage.Finding{
		ID: "redis.replica", Severity: storage.Problem,
		Why:    "The program is connected to a replica, which lags behind and may refuse writes: a session may seem to live there after its logout.",
		Remedy: "Connect to the primary, by Sentinel or Cluster if it changes.",
	}
	foundFailover = storage.Finding{
		ID: "redis.failover", Severity: storage.Warning,
		Why:    "A fail-over loses what no replica has yet. If a logout was in it, the session is there again.",
		Remedy: "Set Options.WaitReplicas of the store. Or bound the loss: min-replicas-to-write 1, and min-replicas-max-lag of a few seconds.",
	}
	foundCluster = storage.Finding{
		ID: "redis.cluster", Severity: storage.Problem,
		Why:    "The server is a node of a Cluster, and the store does not know: it neither follows a session to its node, nor keeps what belongs together on one.",
		Remedy: "Use redis.NewClusterClient. If the client is one inside another type, or a proxy is in between, set Options.Spread.",
	}
	foundVersion = storage.Finding{
		ID: "redis.version", Severity: storage.Problem,
		Why:    "The store needs Redis 6.2 or later.",
		Remedy: "Update the server.",
	}
	foundPatience = storage.Finding{
		ID: "redis.context-timeout", Severity: storage.Warning,
		Why:    "A server that does not answer holds up a request for as long as the client's time-outs and retries allow, and not for the 1.5 seconds that package passport gives it.",
		Remedy: "Set ContextTimeoutEnabled of the client's options.",
	}
	foundUnknown = storage.Finding{
		ID: "redis.unknown", Severity: storage.Note,
		Why:    "The settings of the server could not be read, so nothing is known of its durability and eviction.",
		Remedy: "Allow the user INFO and CONFIG GET, or compare the settings with the documentation of storage/redis.",
	}
)

// Inspect implements [storage.Inspector] by INFO and CONFIG GET, on each primary of a
// Cluster. Without permission for them, it reports a Note.
func (s *Store) Inspect(ctx context.Context) ([]storage.Finding, error) {
	found := s.inspectClient()
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		ofServer, err := s.inspect(ctx, s.client)
		return append(found, ofServer...), err
	}
	ofNodes, err := s.inspectNodes(ctx, cluster)
	return append(found, ofNodes...), err
}

// inspectClient looks at what the program has set up.
func (s *Store) inspectClient() []storage.Finding {
	respected := true // by a client that does not say
	switch c := s.client.(type) {
	case *redis.Client:
		respected = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		respected = c.Options().ContextTimeoutEnabled
	}
	if respected {
		return nil
	}
	return []storage.Finding{foundWith(foundPatience, "ContextTimeoutEnabled is false")}
}

func (s *Store) inspectNodes(ctx context.Context, cluster *redis.ClusterClient) (all []storage.Finding, err error) {
	var mu sync.Mutex
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		found, err := s.inspect(ctx, node)
		mu.Lock()
		defer mu.Unlock()
		for _, f := range found {
			f.Seen = node.Options().Addr + ": " + f.Seen
			all = append(all, f)
		}
		return err
	})
	return all, err
}

func (s *Store) inspect(ctx context.Context, client redis.Cmdable) ([]storage.Finding, error) {
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("storage/redis: inspect: %w", err)
	}
	info, err := client.Info(ctx).Result()
	if err != nil {
		return []storage.Finding{foundWith(foundUnknown, "INFO: %v", err)}, nil
	}
	at := settingsIn(info)
	found := at.inspect()
	if at["cluster_enabled"] == "1" && len(s.spaces) == 1 {
		found = append(found, foundWith(foundCluster, "cluster_enabled is 1, and Options.Spread is false"))
	}
	for _, name := range []string{"appendfsync", "min-replicas-to-write"} {
		values, err := client.ConfigGet(ctx, name).Result()
		if err != nil {
			return append(found, foundWith(foundUnknown, "CONFIG GET %s: %v", name, err)), nil
		}
		at[name] = values[name]
	}
	return append(found, at.inspectConfig(s.replicas)...), nil
}

func foundWith(f storage.Finding, format string, args ...any) storage.Finding {
	f.Seen = fmt.Sprintf(format, args...)
	return f
}

// settings are the fields of INFO, and settings of CONFIG GET.
type settings map[string]string

func settingsIn(info string) settings {
	s := settings{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			s[name] = value
		}
	}
	return s
}

func (s settings) number(name string) int64 {
	n, _ := strconv.ParseInt(s[name], 10, 64) // 0 if the server does not say
	return n
}

// inspect looks at what INFO says.
func (s settings) inspect() (found []storage.Finding) {
	see := func(f storage.Finding, format string, args ...any) {
		found = append(found, foundWith(f, format, args...))
	}
	if version := s["redis_version"]; isBefore(version, 6, 2) {
		see(foundVersion, "redis_version is %s", version)
	}
	if s["role"] == "slave" {
		see(foundReplica, "its role is replica of %s", s["master_host"])
	}
	if policy := s["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		see(foundEviction, "maxmemory-policy is %s", policy)
	}
	if n := s.number("evicted_keys"); n > 0 {
		see(foundEvicted, "evicted_keys is %d since the server started", n)
	}
	switch most, used := s.number("maxmemory"), s.number("used_memory"); {
	case s["maxmemory"] == "0": // some services do not say
		see(foundNoLimit, "maxmemory is 0")
	case most > 0 && used > most/10*9:
		see(foundMemory, "%d of %d bytes are used", used, most)
	}
	if s["aof_enabled"] == "0" {
		see(foundVolatile, "appendonly is no")
	}
	return found
}

// inspectConfig looks at what INFO does not say. It does not warn about what the
// store waits for itself.
func (s settings) inspectConfig(waits *replicas) (found []storage.Finding) {
	if waits == nil {
		waits = &replicas{}
	}
	if s["aof_enabled"] == "1" && s["appendfsync"] != "always" && !waits.fsync {
		found = append(found, foundWith(foundSync, "appendfsync is %s", s["appendfsync"]))
	}
	if n := s.number("connected_slaves"); n > 0 && s.number("min-replicas-to-write") == 0 && waits.count == 0 {
		found = append(found, foundWith(foundFailover, "there are %d replicas, min-replicas-to-write is 0, and WaitReplicas is 0", n))
	}
	return found
}

// isBefore compares a version such as 7.0.15. One that cannot be read is not before.
func isBefore(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a < major || a == major && b < minor
}
