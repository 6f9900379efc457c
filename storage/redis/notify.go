package redis

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// pingAfter is how long a listener hears nothing before it checks the connection,
// and then how long it waits for the answer.
const pingAfter = 10 * time.Second

// Notify implements storage.Notifier with one PUBLISH for each ID, in one round
// trip, on the channel "ended" under the prefix.
func (s *Store) Notify(ctx context.Context, ids ...string) error {
	if err := ctx.Err(); err != nil || len(ids) == 0 {
		return err
	}
	pipe := s.client.Pipeline()
	for _, id := range ids {
		pipe.Publish(ctx, s.channel, id)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return s.failure("notify", err)
	}
	return nil
}

// Listen implements storage.Notifier with a subscription on a separate connection.
// It returns within 20 seconds if the server falls silent.
func (s *Store) Listen(ctx context.Context, ready func(), ended func(id string)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	subscription := s.client.Subscribe(ctx, s.channel)
	defer func() { _ = subscription.Close() }()
	// Reading from a subscription ignores ctx.
	stop := context.AfterFunc(ctx, func() { _ = subscription.Close() })
	defer stop()

	err := s.receive(ctx, subscription, ready, ended)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.failure("listen", err)
}

var errResubscribed = errors.New("the connection was replaced")

// receive passes notices on, and returns as soon as one may have been missed.
func (s *Store) receive(ctx context.Context, subscription *redis.PubSub, ready func(), ended func(id string)) error {
	subscribed, pinged := false, false
	for {
		message, err := subscription.ReceiveTimeout(ctx, s.pingAfter)
		if isTimeout(err) && subscribed && !pinged {
			pinged = true
			if err := subscription.Ping(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		pinged = false
		switch m := message.(type) {
		case *redis.Subscription:
			if subscribed {
				return errResubscribed
			}
			subscribed = true
			if ready != nil {
				ready()
			}
		case *redis.Message:
			ended(m.Payload)
		}
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
