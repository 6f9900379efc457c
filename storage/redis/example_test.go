package redis_test

import (
	"context"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/redis"
)

// addr is where the server is, such as "localhost:6379".
var addr = redis.ServerAddr

// What package passport does with a store: a session is kept, and a logout
// removes it and, in the same step, notes the token that is still to be revoked.
func Example() {
	ctx := context.Background()
	client := goredis.NewClient(&goredis.Options{Addr: addr(), ContextTimeoutEnabled: true})
	defer client.Close()

	store, err := redis.New(client, redis.Options{Prefix: "example:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	session := storage.Record{ID: "hash of the session id", Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: []byte("sealed")}
	if _, err := store.Save(ctx, session); err != nil {
		fmt.Println(err)
		return
	}
	live, err := store.Load(ctx, session.ID)
	fmt.Println(live.Subject, live.Revision, err)

	revocations, err := store.DeleteMatchingAndEnqueue(ctx, storage.Match{Subject: "alice"}, time.Minute)
	fmt.Println(len(revocations), err)
	_, err = store.Load(ctx, session.ID)
	fmt.Println(err)
	for _, revocation := range revocations {
		fmt.Println(store.Complete(ctx, revocation))
	}

	// Output:
	// alice 1 <nil>
	// 1 <nil>
	// storage: no such record
	// <nil>
}

// On a Cluster it is the client alone that differs.
func ExampleNew_cluster() {
	client := goredis.NewClusterClient(&goredis.ClusterOptions{
		Addrs:                 []string{"node1:6379", "node2:6379", "node3:6379"},
		ContextTimeoutEnabled: true,
	})
	defer client.Close()

	store, err := redis.New(client, redis.Options{})
	fmt.Println(store != nil, err)
	// Output: true <nil>
}
