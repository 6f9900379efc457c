package redis

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// enqueueInTurn enqueues revocations that come due one after the other, and are due.
func enqueueInTurn(t *testing.T, s *Store, clock *clock, ids ...string) {
	for _, id := range ids {
		_, err := s.Enqueue(t.Context(), storage.Record{ID: id}, time.Second)
		require.NoError(t, err)
		clock.advance(time.Second)
	}
}

func idsOf(revocations []storage.Revocation) (ids []string) {
	for _, d := range revocations {
		ids = append(ids, d.Record.ID)
	}
	return ids
}

func TestClaimedRevocationsComeInTheOrderOfTheirDue(t *testing.T) {
	var clock clock
	s := newStore(t, theServer(t).client(t), Options{Now: clock.now, Spread: true})
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprint(i))
	}
	enqueueInTurn(t, s, &clock, ids...)
	for from := 0; from < 100; from += 20 {
		revocations, err := s.Claim(t.Context(), "", 20, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, ids[from:from+20], idsOf(revocations))
	}
}

// Between the look at the queues and the claim, another caller takes what was
// seen. What it leaves is still to be had.
func TestAClaimantWhoIsTooLateGetsTheNextRevocations(t *testing.T) {
	var clock clock
	client := theServer(t).client(t)
	o := Options{Now: clock.now, Spread: true, Prefix: newPrefix()}
	slow, fast := newStore(t, client, o), newStore(t, theServer(t).client(t), o)
	first, second := idsIn(slow, slow.spaces[0], 2), idsIn(slow, slow.spaces[1], 2)
	enqueueInTurn(t, slow, &clock, append(first, second...)...)

	var once sync.Once
	client.AddHook(beforeScripts(func(ctx context.Context) {
		once.Do(func() {
			revocations, err := fast.Claim(ctx, "", 2, time.Hour)
			assert.NoError(t, err)
			assert.Equal(t, first, idsOf(revocations))
		})
	}))
	revocations, err := slow.Claim(t.Context(), "", 2, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, second, idsOf(revocations))
}

// beforeScripts is a hook that does something ahead of every script.
type beforeScripts func(ctx context.Context)

func (b beforeScripts) DialHook(next redis.DialHook) redis.DialHook { return next }

func (b beforeScripts) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		b.look(ctx, cmd)
		return next(ctx, cmd)
	}
}

func (b beforeScripts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		b.look(ctx, cmds[0])
		return next(ctx, cmds)
	}
}

func (b beforeScripts) look(ctx context.Context, cmd redis.Cmder) {
	if cmd.Name() == "evalsha" {
		b(ctx)
	}
}
