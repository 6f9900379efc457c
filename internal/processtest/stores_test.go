package processtest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/redistest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/passport-go/passport/storage/postgres"
	"github.com/passport-go/passport/storage/postgres/postgrestest"
	"github.com/passport-go/passport/storage/redis"
)

// store is what all three have.
type store interface {
	storage.TokenStore
	storage.RevocationQueue
	storage.Lister
}

// open opens the store at an address such as "bolt:/tmp/sessions.db". The clock
// may run ahead, so that what a killed process held falls due at once.
func open(address string, now func() time.Time) (store, func() error, error) {
	kind, where, _ := strings.Cut(address, ":")
	switch kind {
	case "bolt":
		s, err := bolt.Open(where, bolt.Options{Now: now, LockTimeout: 10 * time.Second})
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	case "redis":
		client := goredis.NewClient(&goredis.Options{Addr: where})
		s, err := redis.New(client, redis.Options{Now: now})
		return s, client.Close, err
	case "postgres":
		pool, err := pgxpool.New(context.Background(), where)
		if err != nil {
			return nil, nil, err
		}
		s, err := postgres.New(pool, postgres.Options{Now: now})
		return s, func() error { pool.Close(); return nil }, err
	}
	return nil, nil, fmt.Errorf("no store is called %q", kind)
}

// The servers of this package's tests; bolt needs none. They write every change
// to their disks.
var servers = struct {
	redis    *redistest.Server
	postgres *postgrestest.Server
}{}

func startServers() error {
	var err error
	if servers.redis, err = redistest.Start("--appendonly", "yes", "--appendfsync", "always"); err != nil {
		return err
	}
	if servers.postgres, err = postgrestest.Start(); err != nil {
		return err
	}
	return migrate(servers.postgres.URL())
}

func migrate(url string) error {
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		return err
	}
	defer pool.Close()
	s, err := postgres.New(pool, postgres.Options{})
	if err != nil {
		return err
	}
	return s.Migrate(context.Background())
}

func stopServers() {
	if servers.redis != nil {
		_ = servers.redis.Close()
	}
	if servers.postgres != nil {
		_ = servers.postgres.Close()
	}
}

// addresses are those of all three stores; the file is this test's own.
func addresses(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"bolt":     "bolt:" + filepath.Join(t.TempDir(), "sessions.db"),
		"redis":    "redis:" + servers.redis.Addr,
		"postgres": "postgres:" + servers.postgres.URL(),
	}
}

// opened is a store that is closed with the test.
func opened(t *testing.T, address string) store {
	t.Helper()
	s, closeStore, err := open(address, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, closeStore()) })
	return s
}
