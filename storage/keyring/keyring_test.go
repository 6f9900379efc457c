package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
	"github.com/passport-go/passport/storage/keyring"
	"github.com/passport-go/passport/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gokeyring "github.com/zalando/go-keyring"
)

const service = "passport-go test"

var users atomic.Int64

// newUser returns one for whom nothing is stored.
func newUser() string { return fmt.Sprint("user ", users.Add(1)) }

func newStore(t testing.TB, user string, opts keyring.Options) *keyring.Store {
	t.Helper()
	if opts.LockFile == "" {
		opts.LockFile = filepath.Join(t.TempDir(), "lock")
	}
	s, err := keyring.New(t.Context(), service, user, opts)
	require.NoError(t, err)
	return s
}

func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return newStore(t, newUser(), keyring.Options{Now: now})
	})
}

func TestContractOfTwoStoresOnOneKeyring(t *testing.T) {
	storagetest.RunShared(t, func(t *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		opts := keyring.Options{Now: now, LockFile: filepath.Join(t.TempDir(), "lock")}
		user := newUser()
		return newStore(t, user, opts), newStore(t, user, opts)
	})
}

func record(id string, size int) storage.Record {
	return storage.Record{
		ID:      id,
		Subject: "älice",
		SID:     "sid of " + id,
		Expiry:  time.Now().Add(time.Hour).UTC(),
		Data:    bytes.Repeat([]byte{0, 200, 'x'}, size/3),
	}
}

// A session of some size, in the life of which all kinds of calls are made. It
// is run on a keyring of the system too.
func TestALifeInTheKeyring(t *testing.T) {
	ctx := t.Context()
	user := newUser()
	opts := keyring.Options{LockFile: filepath.Join(t.TempDir(), "lock")}
	s := newStore(t, user, opts)

	long, err := s.Save(ctx, record("a", 12_000))
	require.NoError(t, err)
	assert.Greater(t, items(t, user), 6)
	s = newStore(t, user, opts)
	found, err := s.Load(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, long, found)

	short := long
	short.Data = []byte("short")
	short, err = s.Save(ctx, short)
	require.NoError(t, err)
	assert.Equal(t, 2, items(t, user), "one piece, and where it is")
	_, err = s.Save(ctx, long)
	assert.ErrorIs(t, err, storage.ErrConflict)

	revocation, err := s.DeleteAndEnqueue(ctx, "a", 0)
	require.NoError(t, err)
	assert.Equal(t, short, revocation.Record)
	_, err = s.Load(ctx, "a")
	assert.ErrorIs(t, err, storage.ErrNotFound)
	claimed, err := s.Claim(ctx, "", 1, time.Minute)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.NoError(t, s.Complete(ctx, claimed[0]))
	assert.Zero(t, items(t, user), "nothing is left")
}

// items counts what is in the keyring for the user. None is too big for any
// system.
func items(t *testing.T, user string) (n int) {
	t.Helper()
	names := []string{user}
	for i := range 20 {
		names = append(names, fmt.Sprintf("%s/a/%d", user, i), fmt.Sprintf("%s/b/%d", user, i))
	}
	for _, name := range names {
		value, err := gokeyring.Get(service, name)
		if errors.Is(err, gokeyring.ErrNotFound) {
			continue
		}
		require.NoError(t, err)
		assert.LessOrEqual(t, len(value), 2048)
		n++
	}
	return n
}

func set(t *testing.T, name, value string) {
	t.Helper()
	require.NoError(t, gokeyring.Set(service, name, value))
}

func TestWhatFormat1HasStoredIsReadable(t *testing.T) {
	user := newUser()
	set(t, user, "1 b 2")
	set(t, user+"/b/0", `{"version":1,"records":[{"id":"a","subject":"alice","sid":"s1","revi`)
	set(t, user+"/b/1", `sion":7,"expiry":"2200-03-01T13:00:00.000123Z","data":"AAH/"}]}`)
	r, err := newStore(t, user, keyring.Options{}).Load(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, storage.Record{
		ID: "a", Subject: "alice", SID: "s1", Revision: 7,
		Expiry: time.Date(2200, 3, 1, 13, 0, 0, 123_000, time.UTC),
		Data:   []byte{0, 1, 255},
	}, r)
}

func TestWhatANewerVersionHasStoredIsRefusedAndLeftAlone(t *testing.T) {
	for name, stored := range map[string][2]string{
		"pieces":   {"2 somewhere else", "something"},
		"document": {"1 a 1", `{"version":2,"records":"other"}`},
	} {
		t.Run(name, func(t *testing.T) {
			user := newUser()
			s := newStore(t, user, keyring.Options{})
			set(t, user, stored[0])
			set(t, user+"/a/0", stored[1])
			_, err := keyring.New(t.Context(), service, user, keyring.Options{LockFile: filepath.Join(t.TempDir(), "lock")})
			assert.ErrorContains(t, err, "format 2")
			_, err = s.Save(t.Context(), record("a", 10))
			assert.ErrorContains(t, err, "format 2")
			_, err = s.Load(t.Context(), "a")
			assert.ErrorContains(t, err, "format 2")
			assert.NotErrorIs(t, err, storage.ErrNotFound)
			for i, name := range []string{user, user + "/a/0"} {
				left, err := gokeyring.Get(service, name)
				require.NoError(t, err)
				assert.Equal(t, stored[i], left)
			}
		})
	}
}

func TestDamagedSessionsCountAsNoneAndAreReplaced(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, user string){
		"other text":    func(t *testing.T, user string) { set(t, user, "the user's own note") },
		"other slot":    func(t *testing.T, user string) { set(t, user, "1 c 2") },
		"missing piece": func(t *testing.T, user string) { require.NoError(t, gokeyring.Delete(service, user+"/a/2")) },
		"no piece":      func(t *testing.T, user string) { set(t, user, "1 b 1") },
		"too few":       func(t *testing.T, user string) { set(t, user, "1 a 1") },
		"too many":      func(t *testing.T, user string) { set(t, user, "1 a 9") },
		"other piece":   func(t *testing.T, user string) { set(t, user+"/a/0", "!") },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			user := newUser()
			s := newStore(t, user, keyring.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			_, err := s.Save(t.Context(), record("a", 3000))
			require.NoError(t, err)
			damage(t, user)

			_, err = s.Load(t.Context(), "a")
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assert.ErrorContains(t, err, "storage/keyring: the stored sessions are damaged")
			assert.Contains(t, log.String(), "damaged")

			saved, err := s.Save(t.Context(), record("b", 3000))
			require.NoError(t, err)
			found, err := s.Load(t.Context(), "b")
			require.NoError(t, err)
			assert.Equal(t, saved, found)
			_, err = s.Delete(t.Context(), "b")
			require.NoError(t, err)
			assert.Zero(t, items(t, user))
		})
	}
}

func TestAKeyringThatCannotBeUsedIsAnErrorWithAWayOut(t *testing.T) {
	s := newStore(t, newUser(), keyring.Options{})
	gokeyring.MockInitWithError(errors.New("no such service"))
	defer gokeyring.MockInit()

	_, err := keyring.New(t.Context(), service, newUser(), keyring.Options{LockFile: filepath.Join(t.TempDir(), "lock")})
	assert.ErrorContains(t, err, "storage/keyring: the keyring of the system cannot be used (no such service)")
	assert.ErrorContains(t, err, "storage/file")
	_, err = s.Load(t.Context(), "a")
	assert.ErrorContains(t, err, "no such service")
	assert.NotErrorIs(t, err, storage.ErrNotFound)
}

// Otherwise its user looks for what is wrong with the keyring.
func TestAProcessThatKeepsTheLockIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := document.NewLock(path, time.Minute).Acquire(t.Context())
	require.NoError(t, err)
	defer release()
	_, err = keyring.New(t.Context(), service, newUser(), keyring.Options{LockFile: path, UnlockTimeout: 20 * time.Millisecond})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, keyring.ErrLocked)
	assert.ErrorContains(t, err, "another process of this program, or another call, is using the keyring")
}

func TestNewRefusesNamesThatCannotBeStored(t *testing.T) {
	for _, names := range [][2]string{{"", "user"}, {"service", ""}, {"service", strings.Repeat("u", 256)}} {
		_, err := keyring.New(t.Context(), names[0], names[1], keyring.Options{})
		assert.ErrorContains(t, err, "storage/keyring: service and user")
	}
}

func TestTheLockFileIsTheSameForTheSameNamesOnly(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home)
	lockFiles := func() (found int) {
		require.NoError(t, filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".lock") {
				found++
			}
			return err
		}))
		return found
	}
	for i, names := range [][2]string{{service, "a/../b"}, {service, "another"}, {service + "a", "nother"}} {
		for range 2 {
			_, err := keyring.New(t.Context(), names[0], names[1], keyring.Options{})
			require.NoError(t, err)
		}
		assert.Equal(t, i+1, lockFiles())
	}
}

// The lock file is in a cache, which may be emptied while the program runs.
func TestSessionsOutliveTheDirectoryOfTheLockFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "passport")
	s := newStore(t, newUser(), keyring.Options{LockFile: filepath.Join(dir, "lock")})
	r, err := s.Save(t.Context(), record("a", 30))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	removed, err := s.Delete(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, r, removed)
}
