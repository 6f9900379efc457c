// Package redis keeps sessions on a Redis or Valkey server, for programs that
// run as more than one instance, or that restart. The sessions, the pending
// revocations and the notices between instances go through it; the instances
// need nothing else in common but the encryption keys.
//
//	client := goredis.NewClient(&goredis.Options{Addr: "localhost:6379"})
//	store, err := redis.New(client, redis.Options{})
//
// The client is one of github.com/redis/go-redis/v9, and stays the caller's to
// configure and to close: redis.NewClient for one server, NewFailoverClient for
// Sentinel, NewClusterClient for a Cluster. ContextTimeoutEnabled makes it heed
// the deadline of a context while it waits for the server; without it the
// client's own time-outs apply.
//
// # What is atomic
//
// Load is one GET. Save, Delete, DeleteAndEnqueue and everything on a single revocation is
// one Lua script in one round trip, which changes a record, its place in the
// indexes and its revocation together: there is no moment, and no crash, between them.
//
// DeleteMatching, DeleteMatchingAndEnqueue and Claim are atomic for each record or
// revocation. On a single server they are so for all of them too, in batches of 256
// records; on a Cluster for all of one hash slot, of which the keys use 32. A
// record that is saved meanwhile may be counted as saved just after.
//
// Everything goes through indexes: no command looks at all keys, and none costs
// more because more sessions live.
//
// # What survives
//
// A client that loses its connection sends a command again. A Save that was
// carried out but not answered is then recognised, and so is an Enqueue; a removal
// is reported as storage.ErrNotFound, and a revocation that it enqueued is in the
// queue.
//
// What the server holds after a crash is what it has on disk. With "appendonly
// yes" and "appendfsync always" that is everything it has answered; with
// "appendfsync everysec" the last second may be missing; without an append-only
// file there is what the last snapshot has, or nothing. What is missing may be a
// logout, and then the session is there again: choose "always" if it must not be.
//
// The same goes for a fail-over by Sentinel or Cluster: replicas follow a little
// behind, and what the old master had not passed on is lost. Options.WaitReplicas
// closes that gap: a write returns without an error only when that many replicas have
// it. One that they do not confirm in time is carried out and returns
// storage.ErrNotReplicated; package passport reports such a logout as pending and
// does it again until it is confirmed. "min-replicas-to-write 1" and
// "min-replicas-max-lag" bound what an old master that is cut off still accepts.
// Never read from replicas: New refuses a Cluster client that does, and a
// *redis.Client must not be pointed at one.
//
// While a Cluster moves a slot to another node, key by key, its sessions can be
// read, but a write may fail for as long as that takes. It has changed nothing
// then, and can be tried again.
//
// # What the server needs
//
// Redis 6.2 or later, or Valkey: no command and no feature of scripts is used
// that came after. Nothing is stored without a time to live: a record ends with
// its Expiry, an index with the last of its records, and a revocation 90 days after
// somebody last claimed it.
//
// Give the server a maxmemory and "maxmemory-policy noeviction". A login is then
// refused with storage.ErrFull when memory is out, while sessions can still be
// read, refreshed and ended. Every other policy removes keys as it sees fit:
// users are signed out, which is a nuisance; an index is gone while its sessions
// live, so that a logout everywhere misses them; a revocation is gone, and its token is
// never revoked. A server that also serves as a cache is not suitable.
//
// A user of an access control list needs the keys and the channels that begin
// with Options.Prefix (~passport:* and &passport:*), the commands GET, MGET,
// EXISTS, ZRANGE, ZRANGEBYSCORE, EVAL, EVALSHA, PUBLISH and SUBSCRIBE, those
// that the scripts use (SET, DEL, SETRANGE, GETRANGE, PEXPIRE, PTTL, ZADD, ZREM
// and ZSCORE), and those of the client (PING and HELLO; with a Cluster
// CLUSTER SLOTS and COMMAND; with Options.WaitReplicas WAIT, and with
// Options.WaitFsync WAITAOF).
package redis
