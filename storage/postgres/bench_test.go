package postgres

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// payload is about what a session's tokens take.
const payload = 2600

// BenchmarkLoad measures a Load beside its limit: a prepared SELECT of the same
// bytes from the same table through the same pool.
func BenchmarkLoad(b *testing.B) {
	const records = 10_000
	for _, conns := range []int32{1, 32} {
		config := poolConfig(b, server.URL())
		config.MaxConns = conns
		pool := openPool(b, config)
		s := openStore(b, pool, Options{})
		fill(b, s, records, payload, time.Now().Add(1000*time.Hour))
		execute(b, pool, s.names.fill(`VACUUM ANALYZE {records}`))
		raw := s.names.fill(`SELECT data FROM {records} WHERE id = $1`)

		b.Run(fmt.Sprintf("limit/conns=%d", conns), func(b *testing.B) {
			each(b, conns, func(i int) error {
				var data []byte
				return pool.QueryRow(b.Context(), raw, fmt.Appendf(nil, "id%d", 1+i%records)).Scan(&data)
			})
		})
		b.Run(fmt.Sprintf("store/conns=%d", conns), func(b *testing.B) {
			each(b, conns, func(i int) error {
				_, err := s.Load(b.Context(), fmt.Sprintf("id%d", 1+i%records))
				return err
			})
		})
	}
}

// each calls do from as many goroutines as there are connections.
func each(b *testing.B, conns int32, do func(i int) error) {
	b.ReportAllocs()
	if conns == 1 {
		for i := 0; b.Loop(); i++ {
			require.NoError(b, do(i))
		}
		return
	}
	var next atomic.Int64
	b.SetParallelism(int(conns)) // times GOMAXPROCS; the pool is what bounds it
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(int(next.Add(7919))); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkByIndex measures what must not grow with the number of records.
func BenchmarkByIndex(b *testing.B) {
	for _, records := range []int{1_000, 200_000} {
		pool := newPool(b)
		s := openStore(b, pool, Options{})
		fill(b, s, records, payload, time.Now().Add(1000*time.Hour))
		execute(b, pool, s.names.fill(`VACUUM ANALYZE {records}`))
		b.Run(fmt.Sprintf("list by subject/records=%d", records), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				found, err := s.List(b.Context(), storage.Match{Subject: fmt.Sprintf("subject%d", 1+i%(records/4-1))})
				require.NoError(b, err)
				require.Len(b, found, 4)
			}
		})
		b.Run(fmt.Sprintf("log out by sid/records=%d", records), func(b *testing.B) {
			benchmarkLogout(b, s, func(sid string) error {
				_, err := s.DeleteMatchingAndEnqueue(b.Context(), storage.Match{SID: sid}, time.Minute)
				return err
			})
		})
		b.Run(fmt.Sprintf("limit of log out by sid/records=%d", records), func(b *testing.B) {
			sql := s.names.fill(`DELETE FROM {records} WHERE sid = $1 RETURNING data`)
			benchmarkLogout(b, s, func(sid string) error { return rawDelete(b, pool, sql, sid) })
		})
	}
}

func rawDelete(b *testing.B, pool *pgxpool.Pool, sql, sid string) error {
	var data []byte
	return pool.QueryRow(b.Context(), sql, []byte(sid)).Scan(&data)
}

func benchmarkLogout(b *testing.B, s *Store, logout func(sid string) error) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		sid := fmt.Sprint(b.Name(), b.N, "-", i)
		_, err := s.Save(b.Context(), storage.Record{
			ID: sid, Subject: sid, SID: sid, Data: make([]byte, payload), Expiry: s.now().Add(time.Hour),
		})
		require.NoError(b, err)
		b.StartTimer()
		require.NoError(b, logout(sid))
	}
}

// BenchmarkSave measures a sign-in and a refresh beside the bare statements.
func BenchmarkSave(b *testing.B) {
	pool := newPool(b)
	s := openStore(b, pool, Options{})
	r := storage.Record{Subject: "subject", SID: "sid", Data: make([]byte, payload), Expiry: time.Now().Add(time.Hour)}
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			r := r
			r.ID = fmt.Sprint("new ", b.N, " ", i, time.Now().UnixNano())
			_, err := s.Save(b.Context(), r)
			require.NoError(b, err)
		}
	})
	r.ID = "replaced"
	r, err := s.Save(b.Context(), r)
	require.NoError(b, err)
	b.Run("replace", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r, err = s.Save(b.Context(), r)
			require.NoError(b, err)
		}
	})
	b.Run("limit of replace", func(b *testing.B) {
		b.ReportAllocs()
		sql := s.names.fill(`UPDATE {records} SET data = $2 WHERE id = $1`)
		for b.Loop() {
			execute(b, pool, sql, []byte(r.ID), r.Data)
		}
	})
}
