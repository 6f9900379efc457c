package redis

import (
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

const defaultPrefix = "passport:"

// Options configure a Store. The zero Options are ready to use.
type Options struct {
	// Prefix begins the names of all keys and that of the channel for notices.
	// Stores with the same prefix on the same server share their records; the
	// channel is shared across a server's numbered databases too. It must not
	// contain "{", which marks the part of a key that a Cluster hashes. Empty
	// means "passport:".
	Prefix string

	// Spread lays the keys out for a Cluster, in 32 hash slots, as they always are
	// with a *redis.ClusterClient. Set it for a proxy in front of a Cluster, or for
	// a single server whose data may move to a Cluster later. A store does not find
	// what was stored under the other layout.
	Spread bool

	// WaitReplicas is how many replicas must have a write before a method returns.
	// Otherwise the method returns storage.ErrNotReplicated beside its result, and
	// package passport reports a logout as pending and tries again. 0, the
	// default, waits for none: then a fail-over may bring back a session that has
	// ended, as the package documentation says. The server must have at least that
	// many, and every replica that may become the master should be among them: with
	// one replica, set 1.
	//
	// It applies to Save, Delete, DeleteMatching and Enqueue, which then take until
	// the replicas have answered (WAIT, in the same round trip). Load, Claim, Retry
	// and Complete never wait: at worst, a token is revoked twice.
	WaitReplicas int

	// WaitFsync also waits until the write is on disk, on the master and on
	// WaitReplicas replicas, which may be 0. It needs Redis 7.2 (WAITAOF) and
	// "appendonly yes". A write waits 0.1 s even with "appendfsync always", up to a
	// second with "everysec", and up to two with replicas, which report once a second
	// what they have on disk. On an older server, every write returns
	// storage.ErrNotReplicated.
	WaitFsync bool

	// WaitTimeout bounds the wait. 0 means 1 s, or 2 s with WaitFsync. The client's
	// ReadTimeout (3 s by default) must be longer. After a wait in vain, only one
	// write a second waits until the replicas confirm again, so that missing
	// replicas do not slow down the others.
	WaitTimeout time.Duration

	// Now is the clock by which records expire and revocations fall due. The clocks
	// of instances that share a server should agree to within a few seconds. Nil
	// means time.Now.
	Now func() time.Time
}

// Store is a storage.TokenStore on a server, and implements all optional interfaces of
// package storage. It is safe for concurrent use, holds no state and needs no closing.
type Store struct {
	client    redis.UniversalClient
	now       func() time.Time
	spaces    []space
	channel   string
	pingAfter time.Duration
	replicas  *replicas // nil: wait for none
}

var (
	_ storage.TokenStore        = (*Store)(nil)
	_ storage.Lister            = (*Store)(nil)
	_ storage.RevocationQueue   = (*Store)(nil)
	_ storage.RevocationCounter = (*Store)(nil)
	_ storage.Notifier          = (*Store)(nil)
)

// New returns a store that uses client; the caller closes the client. New does no
// network I/O, and reports everything that is wrong with its arguments at once.
//
// It refuses clients that may still find a session after its logout: one that reads
// from replicas (ReadOnly, RouteByLatency and RouteRandomly of the client's options)
// or from a cache of its own (ClientSideCache and ClientSideCacheConfig), both of
// which lag behind, and a *redis.Ring, which uses another server while one is down.
func New(client redis.UniversalClient, o Options) (*Store, error) {
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	replicas := newReplicas(o)
	if err := errors.Join(checkClient(client), checkPrefix(o.Prefix), replicas.check(client)); err != nil {
		return nil, err
	}
	_, cluster := client.(*redis.ClusterClient)
	return &Store{
		client:    client,
		now:       o.Now,
		spaces:    newSpaces(o.Prefix, cluster || o.Spread),
		channel:   o.Prefix + "ended",
		pingAfter: pingAfter,
		replicas:  replicas,
	}, nil
}

func checkClient(client redis.UniversalClient) error {
	// An optional client is often a nil pointer in the interface.
	if client == nil || client == (*redis.Client)(nil) || client == (*redis.ClusterClient)(nil) {
		return errors.New("storage/redis: client is nil: hand in what redis.NewUniversalClient returns")
	}
	switch c := client.(type) {
	case *redis.Ring:
		return errors.New("storage/redis: client is a Ring, which may forget a logout: use a single server, Sentinel or Cluster client")
	case *redis.Client:
		if o := c.Options(); o.ClientSideCache != nil || o.ClientSideCacheConfig != nil {
			return errors.New("storage/redis: client reads from a cache of its own, which may not know of a logout yet: " +
				"leave ClientSideCache and ClientSideCacheConfig nil")
		}
	case *redis.ClusterClient:
		if c.Options().ReadOnly {
			return errors.New("storage/redis: client reads from replicas, which may not know of a logout yet: " +
				"turn off ReadOnly, RouteByLatency and RouteRandomly")
		}
	}
	return nil
}

func checkPrefix(prefix string) error {
	if strings.Contains(prefix, "{") {
		return errors.New(`storage/redis: Options.Prefix contains "{", which marks the part of a key that a Cluster hashes`)
	}
	return nil
}
