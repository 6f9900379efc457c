// Package redis keeps sessions on a Redis or Valkey server, for programs that
// run as more than one instance, or that restart. The sessions, the pending
// revocations and the notices between instances go through it; the instances
// share nothing else but the encryption keys.
//
//	client := goredis.NewClient(&goredis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
//	store, err := redis.New(client, redis.Options{})
//
// The client is one of github.com/redis/go-redis/v9, which the caller configures
// and closes: redis.NewClient for one server, NewFailoverClient for Sentinel,
// NewClusterClient for a Cluster. With ContextTimeoutEnabled it respects the
// deadline of a context while it waits for the server. Without it the client's own
// time-outs apply: while the server does not answer, a request then waits for five
// seconds with the defaults, instead of the 1.5 that package passport gives it.
//
// # What is atomic
//
// Load is one GET. Save, Delete, DeleteAndEnqueue and every call about a single
// revocation are one Lua script in one round trip, which changes a record, its index
// entries and its revocation atomically.
//
// DeleteMatching, DeleteMatchingAndEnqueue and Claim are atomic for each record or
// revocation. On a single server they are atomic for batches of 256 records, and on a
// Cluster for each hash slot, of which the keys use 32. A record that is saved at the
// same time may count as saved after the call.
//
// Everything goes through indexes: no command scans all keys, and none gets slower
// with the number of sessions.
//
// # What survives
//
// A client that loses its connection retries the command. The retry of a Save or an
// Enqueue that had succeeded succeeds too; the retry of a removal returns
// storage.ErrNotFound, and the revocation that it enqueued is in the queue.
//
// After a crash the server has what was on disk. With "appendonly yes" and
// "appendfsync always" that is everything it has confirmed; with "appendfsync
// everysec" the last second may be missing; without an append-only file there is
// only the last snapshot, if any. If a logout is missing, its session exists again:
// choose "always" to rule that out.
//
// The same goes for a fail-over by Sentinel or Cluster: replication is asynchronous,
// and what the old master had not replicated is lost. Options.WaitReplicas closes
// that gap: a write returns without an error only when that many replicas have it. If
// they do not confirm in time, the write still takes place and returns
// storage.ErrNotReplicated; package passport reports such a logout as pending and
// repeats it until it is confirmed. "min-replicas-to-write 1" and
// "min-replicas-max-lag" limit what an isolated old master still accepts. Never read
// from replicas: New refuses a Cluster client that does, and a *redis.Client must
// not be connected to one. If its address leads to another server after a fail-over (by
// DNS, or a Service of Kubernetes) and the old one keeps its connections, sessions are read
// from that until these end: set the client's ConnMaxLifetime, for example to a minute.
//
// While a Cluster migrates a slot to another node, its sessions can be read, but
// writes may fail. A write that failed has changed nothing and can be retried.
//
// # What the server needs
//
// Redis 6.2 or later, or Valkey. Every key has a time to live: a record expires at
// its Expiry, an index with the last of its records, and a revocation 90 days after
// it was last claimed.
//
// Set maxmemory and "maxmemory-policy noeviction". When memory runs out, a login then
// fails with storage.ErrFull, while sessions can still be read, refreshed and ended.
// Every other policy evicts keys: users are signed out; a logout everywhere misses
// sessions whose index was evicted; and a token whose revocation was evicted is never
// revoked. Do not use a server that is also a cache.
//
// An ACL user needs the keys and channels that begin with Options.Prefix
// (~passport:* and &passport:*), the commands GET, MGET, EXISTS, ZCARD, ZRANGE,
// ZRANGEBYSCORE, EVAL, EVALSHA, PUBLISH and SUBSCRIBE, those that the scripts use
// (SET, DEL, SETRANGE, GETRANGE, PEXPIRE, PTTL, ZADD, ZREM and ZSCORE), and those of
// the client (PING and HELLO; with a numbered database SELECT; with a ClientName
// CLIENT SETNAME; with a Cluster CLUSTER SLOTS and COMMAND; with Options.WaitReplicas
// WAIT, and with Options.WaitFsync WAITAOF).
package redis
