package use

import (
	"context"

	goredis "github.com/redis/go-redis/v9"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/redis"
)

// Check needs no server: a client connects when it is first used.
func Check(context.Context) error {
	client := goredis.NewClient(&goredis.Options{Addr: "localhost:0"})
	defer client.Close()
	store, err := redis.New(client, redis.Options{})
	_ = passport.Config{Store: store}
	return err
}
