package bolt_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

const sealedSize = 2 << 10 // about what package passport seals for one session

func benchRecord(i int) storage.Record {
	return storage.Record{
		ID:      fmt.Sprintf("%043d", i),
		Subject: fmt.Sprintf("subject-%d", i),
		SID:     fmt.Sprintf("sid-%d", i),
		Expiry:  time.Now().Add(time.Hour),
		Data:    bytes.Repeat([]byte{7}, sealedSize),
	}
}

// fillWith saves n records, many in one commit.
func fillWith(b *testing.B, s *bolt.Store, n int) {
	b.Helper()
	next := make(chan int)
	var savers sync.WaitGroup
	for range 200 {
		savers.Go(func() {
			for i := range next {
				_, err := s.Save(context.Background(), benchRecord(i))
				assert.NoError(b, err)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	savers.Wait()
}

// BenchmarkLoad stands beside what bbolt itself takes for the same bytes.
func BenchmarkLoad(b *testing.B) {
	const n = 10_000
	db, s := openUnsynced(b, tempPath(b), bolt.Options{})
	fillWith(b, s, n)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = benchRecord(i).ID
	}

	b.Run("bbolt Get", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			id := ids[i%n]
			err := db.View(func(tx *bbolt.Tx) error {
				value := bytes.Clone(tx.Bucket([]byte("passport.records")).Get([]byte(id)))
				if value == nil {
					b.Fatal("not found")
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Load", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.Load(b.Context(), ids[i%n]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Load in parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := s.Load(context.Background(), ids[i%n]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkSave stands beside a bare bbolt transaction, which like any takes two
// fsyncs. Writers at once share them.
func BenchmarkSave(b *testing.B) {
	path := tempPath(b)
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	s, err := bolt.New(db, bolt.Options{})
	require.NoError(b, err)
	fillWith(b, s, 1000)
	next := new(atomic.Int64)
	next.Store(1000)

	b.Run("bbolt Put", func(b *testing.B) {
		b.ReportAllocs()
		value := bytes.Repeat([]byte{7}, sealedSize)
		for i := 0; b.Loop(); i++ {
			err := db.Update(func(tx *bbolt.Tx) error {
				bare, err := tx.CreateBucketIfNotExists([]byte("bare"))
				if err != nil {
					return err
				}
				return bare.Put(fmt.Appendf(nil, "%043d", i%1000), value)
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bbolt Batch", func(b *testing.B) {
		b.ReportAllocs()
		value := bytes.Repeat([]byte{7}, sealedSize)
		for i := 0; b.Loop(); i++ {
			err := db.Batch(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("bare")).Put(fmt.Appendf(nil, "%043d", i%1000), value)
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism((writers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			if writers == 1 {
				for b.Loop() {
					saveNext(b, s, next)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					saveNext(b, s, next)
				}
			})
		})
	}
}

func saveNext(b *testing.B, s *bolt.Store, next *atomic.Int64) {
	if _, err := s.Save(context.Background(), benchRecord(int(next.Add(1)))); err != nil {
		b.Error(err)
	}
}

// BenchmarkLogoutBySID must cost the same however many others are signed in.
// Without fsync, which would hide what there is to see.
func BenchmarkLogoutBySID(b *testing.B) {
	for _, live := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("%d live", live), func(b *testing.B) {
			_, s := openUnsynced(b, tempPath(b), bolt.Options{})
			fillWith(b, s, live)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				gone, err := s.DeleteMatching(b.Context(), storage.Match{SID: benchRecord(i * 7919 % live).SID})
				if err != nil || len(gone) != 1 {
					b.Fatal(len(gone), err)
				}
				b.StopTimer()
				gone[0].Revision = 0
				if _, err := s.Save(b.Context(), gone[0]); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
