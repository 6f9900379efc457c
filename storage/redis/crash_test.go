package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// durable has the server write everything to disk before it answers.
var durable = []string{"appendonly yes", "appendfsync always"}

// impatientClient returns one that soon gives up on a server that is away.
func impatientClient(t *testing.T, s *server) *redis.Client {
	return newClient(t, &redis.Options{Addr: s.addr, MaxRetries: 1, DialerRetries: 1})
}

// restart waits for the client too: after many failures it looks for the server
// once a second.
func restart(t *testing.T, s *server, client *redis.Client) {
	t.Helper()
	require.NoError(t, s.start())
	eventually(t, func() bool { return client.Ping(t.Context()).Err() == nil }, "the client to find the server")
}

func TestSessionsAndRevocationsSurviveACrashOfTheServer(t *testing.T) {
	server := newServer(t, durable...)
	client := impatientClient(t, server)
	var clock clock
	s := newStore(t, client, Options{Now: clock.now})
	kept := save(t, s, save(t, s, newRecord("kept")))
	save(t, s, newRecord("ended"))
	save(t, s, newRecord("pending"))
	_, err := s.Delete(t.Context(), "ended")
	require.NoError(t, err)
	pending := deleteAndEnqueue(t, s, "pending")

	server.kill()
	assertUnreachable(t, s)
	restart(t, server, client)

	assertLive(t, s, kept)
	assertGone(t, s, "ended")
	assertGone(t, s, "pending")
	clock.advance(time.Minute)
	revocations, err := s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, revocations, 1)
	assert.Equal(t, pending.Record, revocations[0].Record)
	require.NoError(t, s.Complete(t.Context(), revocations[0]))
	for key, left := range keysOf(t, server.admin(t), s) {
		assert.Positive(t, left, key)
	}

	listed, err := s.List(t.Context(), storage.Match{Subject: "alice"})
	require.NoError(t, err)
	assert.Len(t, listed, 1)
	save(t, s, kept)
	liveOut(t, newStore(t, client, Options{Now: clock.now}), &clock) // with scripts that the server has forgotten
}

// assertUnreachable checks that no call takes a server that is away for an
// answer.
func assertUnreachable(t *testing.T, s *Store) {
	ctx, alice := t.Context(), storage.Match{Subject: "alice"}
	for name, call := range map[string]func() error{
		"load":                    func() error { _, err := s.Load(ctx, "kept"); return err },
		"save":                    func() error { _, err := s.Save(ctx, newRecord("new")); return err },
		"delete":                  func() error { _, err := s.Delete(ctx, "kept"); return err },
		"delete, pending":         func() error { _, err := s.DeleteAndEnqueue(ctx, "kept", time.Minute); return err },
		"delete matching":         func() error { _, err := s.DeleteMatching(ctx, alice); return err },
		"delete matching pending": func() error { _, err := s.DeleteMatchingAndEnqueue(ctx, alice, time.Minute); return err },
		"list":                    func() error { _, err := s.List(ctx, alice); return err },
		"enqueue":                 func() error { _, err := s.Enqueue(ctx, newRecord("new"), time.Minute); return err },
		"claim":                   func() error { _, err := s.Claim(ctx, "", 1, time.Minute); return err },
		"retry":                   func() error { return s.Retry(ctx, storage.Revocation{Record: newRecord("pending")}, time.Now()) },
		"complete":                func() error { return s.Complete(ctx, storage.Revocation{Record: newRecord("pending")}) },
		"notify":                  func() error { return s.Notify(ctx, "kept") },
	} {
		err := call()
		assert.ErrorContains(t, err, "storage/redis: ", name)
		for _, sentinel := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrFull, storage.ErrEmptyMatch} {
			assert.NotErrorIs(t, err, sentinel, name)
		}
	}
}

// stage is what a caller knows of its session when the server dies.
type stage int

const (
	creating stage = iota + 1 // unknown: was not answered
	created
	deleting // unknown
	deleted
)

// The server is killed while callers sign in and out. Afterwards every session
// is whole, or gone with its revocation, and as its caller was told.
func TestNothingIsDoneByHalvesWhenTheServerIsKilled(t *testing.T) {
	server := newServer(t, durable...)
	client := impatientClient(t, server)
	for round := range 5 {
		var clock clock
		s := newStore(t, client, Options{Now: clock.now, Spread: round%2 == 1})
		stages := signInAndOutUntil(t, s, 50+rand.Int64N(400), server.kill)
		restart(t, server, client)

		clock.advance(time.Minute)
		revocations, err := s.Claim(t.Context(), "", 10_000, time.Minute)
		require.NoError(t, err)
		enqueued := map[string]bool{}
		for _, d := range revocations {
			enqueued[d.Record.ID] = true
		}
		listed, err := s.List(t.Context(), storage.Match{Subject: "alice"})
		require.NoError(t, err)
		live := map[string]bool{}
		for _, r := range listed {
			live[r.ID] = true
		}
		for _, in := range s.spaces {
			assertWhole(t, server, in)
		}
		for id, stage := range stages {
			switch stage {
			case creating:
				assert.False(t, enqueued[id], id)
			case created:
				assert.True(t, live[id] && !enqueued[id], id)
			case deleting:
				assert.True(t, live[id] != enqueued[id], id)
			case deleted:
				assert.True(t, !live[id] && enqueued[id], id)
			}
		}
	}
}

// signInAndOutUntil calls kill after so many answers, and returns where each
// session was by then.
func signInAndOutUntil(t *testing.T, s *Store, answers int64, kill func()) map[string]stage {
	var wg sync.WaitGroup
	var answered atomic.Int64
	var mu sync.Mutex
	stages := map[string]stage{}
	reach := func(id string, at stage, err error) error {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			return err
		}
		stages[id] = at
		if (at == created || at == deleted) && answered.Add(1) == answers {
			wg.Go(kill)
		}
		return nil
	}
	for i := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d of %d", n, i)
				_ = reach(id, creating, nil)
				_, err := s.Save(t.Context(), newRecord(id))
				if reach(id, created, err) != nil {
					return
				}
				if n%3 == 0 {
					continue
				}
				_ = reach(id, deleting, nil)
				_, err = s.DeleteAndEnqueue(t.Context(), id, time.Minute)
				if reach(id, deleted, err) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return stages
}

func TestScriptsThatTheServerHasForgottenAreSentAgain(t *testing.T) {
	server := newServer(t)
	admin := server.admin(t)
	forgetful := func(ctx context.Context) { require.NoError(t, admin.ScriptFlush(ctx).Err()) }
	for _, spread := range []bool{false, true} {
		client := server.client(t)
		client.AddHook(beforeScripts(forgetful))
		var clock clock
		liveOut(t, newStore(t, client, Options{Now: clock.now, Spread: spread}), &clock)
	}
}
