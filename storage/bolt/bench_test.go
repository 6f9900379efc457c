package bolt_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
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

// openFilled returns a store of n records. Without fsync, it is there in no time.
func openFilled(b *testing.B, n int) (*bbolt.DB, *bolt.Store) {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "sessions.db"), 0o600, &bbolt.Options{
		NoSync: true, NoStatistics: true, FreelistType: bbolt.FreelistMapType,
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	s, err := bolt.New(db, bolt.Options{})
	require.NoError(b, err)
	for i := range n {
		_, err := s.Save(b.Context(), benchRecord(i))
		require.NoError(b, err)
	}
	db.NoSync = false
	return db, s
}

// BenchmarkLoad stands beside what bbolt itself takes for the same bytes.
func BenchmarkLoad(b *testing.B) {
	const n = 10_000
	db, s := openFilled(b, n)
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

// BenchmarkSave stands beside the fsyncs of one bare bbolt transaction.
func BenchmarkSave(b *testing.B) {
	db, s := openFilled(b, 1000)
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
	next := 1000
	b.Run("one writer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Save(b.Context(), benchRecord(next)); err != nil {
				b.Fatal(err)
			}
			next++
		}
	})
}
