package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// sessionSize is that of a sealed session with an ID token and an access token
// of 1.2 KB each and a refresh token of 60 bytes.
const sessionSize = 2700

// session returns the i-th record; every user has three.
func session(i int) storage.Record {
	return storage.Record{
		ID:      fmt.Sprintf("%043d", i),
		Subject: fmt.Sprintf("auth0|%024d", i/3),
		SID:     fmt.Sprintf("%032d", i),
		Expiry:  time.Now().Add(time.Hour),
		Data:    make([]byte, sessionSize),
	}
}

func populate(b *testing.B, s *Store, n int) {
	b.Helper()
	const savers = 16
	failed := make(chan error, savers)
	for saver := range savers {
		go func() {
			for i := saver; i < n; i += savers {
				if _, err := s.Save(b.Context(), session(i)); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range savers {
		require.NoError(b, <-failed)
	}
}

// BenchmarkLoad compares a session check with what it cannot fall below: a GET
// of the same bytes through the same client, on 32 connections. The two take
// turns, so that whatever else the machine does hits both; the ratio is the
// median of the turns.
func BenchmarkLoad(b *testing.B) {
	const connections, sessions, reads = 32, 1024, 200
	client := newClient(b, &redis.Options{Addr: newServer(b).addr, PoolSize: connections, MinIdleConns: connections})
	s := newStore(b, client, Options{})
	populate(b, s, sessions)
	var ids, keys [sessions]string
	for i := range sessions {
		ids[i] = session(i).ID
		keys[i] = s.space(ids[i]).record(ids[i])
	}
	turn := func(read func(i int) error) float64 {
		var wg sync.WaitGroup
		start := time.Now()
		for range connections {
			wg.Go(func() {
				for range reads {
					if err := read(rand.IntN(sessions)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return float64(time.Since(start).Nanoseconds()) / (connections * reads)
	}
	get := func(i int) error { return client.Get(b.Context(), keys[i]).Err() }
	load := func(i int) error { _, err := s.Load(b.Context(), ids[i]); return err }

	turn(get)
	var gets, loads, ratios []float64
	for b.Loop() {
		g, l := turn(get), turn(load)
		gets, loads, ratios = append(gets, g), append(loads, l), append(ratios, l/g)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(gets), "ns/GET")
	b.ReportMetric(median(loads), "ns/Load")
	b.ReportMetric(median(ratios), "Load/GET")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkLoadAlone shows what a Load allocates, one at a time.
func BenchmarkLoadAlone(b *testing.B) {
	client := newServer(b).client(b)
	s := newStore(b, client, Options{})
	populate(b, s, 1)
	id := session(0).ID
	key := s.space(id).record(id)
	b.Run("limit=GET", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, client.Get(b.Context(), key).Err())
		}
	})
	b.Run("Load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := s.Load(b.Context(), id)
			require.NoError(b, err)
		}
	})
}

// BenchmarkLogout ends a user's three sessions, or one by its sid, with few and
// with many others alive. The limit does it by hand, without a script and so not
// atomically: it reads the index, then gets and deletes what is listed there.
func BenchmarkLogout(b *testing.B) {
	for _, live := range []int{1000, 100_000} {
		client := newServer(b).client(b)
		s := newStore(b, client, Options{})
		populate(b, s, live)
		for _, path := range []struct {
			name string
			end  func(ctx context.Context, first int) error
		}{
			{"limit=ZRANGE+MGET+DEL", func(ctx context.Context, first int) error { return logoutByHand(ctx, s, client, first) }},
			{"everywhere", func(ctx context.Context, first int) error {
				_, err := s.DeleteMatchingAndEnqueue(ctx, storage.Match{Subject: session(first).Subject}, time.Minute)
				return err
			}},
			{"by sid", func(ctx context.Context, first int) error {
				_, err := s.DeleteMatchingAndEnqueue(ctx, storage.Match{SID: session(first).SID}, time.Minute)
				return err
			}},
			{"one session", func(ctx context.Context, first int) error {
				_, err := s.DeleteAndEnqueue(ctx, session(first).ID, time.Minute)
				return err
			}},
		} {
			b.Run(fmt.Sprintf("live=%d/%s", live, path.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					first := 3 * rand.IntN(live/3)
					revive(b, s, client, first)
					b.StartTimer()
					require.NoError(b, path.end(b.Context(), first))
				}
			})
		}
	}
}

func logoutByHand(ctx context.Context, s *Store, client *redis.Client, first int) error {
	in := s.space("")
	ids, err := client.ZRange(ctx, in.index(storage.Match{Subject: session(first).Subject}), 0, -1).Result()
	if err != nil {
		return err
	}
	var records []string
	for _, id := range ids {
		records = append(records, in.record(id))
	}
	pipe := client.Pipeline()
	pipe.MGet(ctx, records...)
	pipe.Del(ctx, keysOfUser(s, first)...)
	_, err = pipe.Exec(ctx)
	return err
}

func keysOfUser(s *Store, first int) (keys []string) {
	in := s.space("")
	for i := first; i < first+3; i++ {
		r := session(i)
		keys = append(keys, in.record(r.ID), in.index(storage.Match{SID: r.SID}))
	}
	return append(keys, in.index(storage.Match{Subject: session(first).Subject}))
}

// revive makes sure that the user has three sessions and no revocations.
func revive(b *testing.B, s *Store, client *redis.Client, first int) {
	b.Helper()
	keys := keysOfUser(s, first)
	for i := first; i < first+3; i++ {
		keys = append(keys, s.space("").revocation(session(i).ID))
	}
	require.NoError(b, client.Del(b.Context(), append(keys, s.space("").due(""))...).Err())
	for i := first; i < first+3; i++ {
		_, err := s.Save(b.Context(), session(i))
		require.NoError(b, err)
	}
}
