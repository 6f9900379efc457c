package file_test

import (
	"bytes"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/file"
	"github.com/passport-go/passport/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return newStore(t, tempPath(t), file.Options{Now: now})
	})
}

func TestContractOfTwoStoresOnOneFile(t *testing.T) {
	storagetest.RunShared(t, func(t *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		path := tempPath(t)
		return newStore(t, path, file.Options{Now: now}), newStore(t, path, file.Options{Now: now})
	})
}

func newStore(t testing.TB, path string, opts file.Options) *file.Store {
	t.Helper()
	s, err := file.New(path, opts)
	require.NoError(t, err)
	return s
}

func tempPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "session.json")
}

func record(id string) storage.Record {
	return storage.Record{
		ID:      id,
		Subject: "alice",
		SID:     "sid of " + id,
		Expiry:  time.Now().Add(time.Hour),
		Data:    []byte("data of " + id),
	}
}

func save(t testing.TB, s *file.Store, r storage.Record) storage.Record {
	t.Helper()
	saved, err := s.Save(t.Context(), r)
	require.NoError(t, err)
	return saved
}

func assertStored(t testing.TB, s *file.Store, want storage.Record) {
	t.Helper()
	got, err := s.Load(t.Context(), want.ID)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestTheFileIsForTheUserAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mygame", "sessions", "session.json")
	s := newStore(t, path, file.Options{})
	r := save(t, s, record("a"))
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path))
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path+".lock"))
	assert.Equal(t, os.ModeDir|0o700, modeOf(t, filepath.Dir(path)))
	assert.Equal(t, os.ModeDir|0o700, modeOf(t, filepath.Dir(filepath.Dir(path))))

	require.NoError(t, os.Chmod(path, 0o644))
	assertStored(t, s, r)
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path), "tightened when it is read")
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode()
}

func TestNewRefusesWhatItCannotUse(t *testing.T) {
	open := t.TempDir()
	require.NoError(t, os.Chmod(open, 0o777))
	group := t.TempDir()
	require.NoError(t, os.Chmod(group, 0o770))
	directory := t.TempDir()
	for problem, path := range map[string]string{
		"path is empty": "",
		"others can write to the directory " + open:  filepath.Join(open, "session.json"),
		"others can write to the directory " + group: filepath.Join(group, "session.json"),
		directory + ": not a regular file":           directory,
	} {
		_, err := file.New(path, file.Options{})
		require.Error(t, err, problem)
		assert.ErrorContains(t, err, "storage/file: ")
		assert.ErrorContains(t, err, problem)
	}
}

func TestARelativePathStaysWhereItWas(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := newStore(t, "session.json", file.Options{})
	t.Chdir(t.TempDir())
	save(t, s, record("a"))
	assert.FileExists(t, filepath.Join(dir, "session.json"))
}

// The user cleans up while the program runs.
func TestADirectoryThatIsRemovedMeanwhileTakesTheSessionsAndNoMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mygame", "session.json")
	s := newStore(t, path, file.Options{})
	save(t, s, record("a"))
	require.NoError(t, os.RemoveAll(filepath.Dir(path)))

	_, err := s.DeleteAndEnqueue(t.Context(), "a", time.Minute)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	assertStored(t, s, save(t, s, record("b")))
	assert.Equal(t, os.ModeDir|0o700, modeOf(t, filepath.Dir(path)))
}

func TestAfterTheLastLogoutThereIsNoFile(t *testing.T) {
	path := tempPath(t)
	s := newStore(t, path, file.Options{})
	save(t, s, record("a"))
	revocation, err := s.DeleteAndEnqueue(t.Context(), "a", time.Minute)
	require.NoError(t, err)
	assert.FileExists(t, path, "it is still enqueued")
	require.NoError(t, s.Complete(t.Context(), revocation))
	assert.NoFileExists(t, path)
	save(t, s, record("b"))
	assert.FileExists(t, path)
}

func TestADamagedFileCountsAsEmptyAndIsMovedAside(t *testing.T) {
	path := tempPath(t)
	whole := newStore(t, path, file.Options{})
	save(t, whole, record("a"))
	contents, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, damaged := range map[string][]byte{
		"cut short": contents[:len(contents)/2],
		"zeros":     make([]byte, len(contents)),
		"other":     []byte(`{"some": "thing", "else": 1}`),
		"a list":    []byte(`[1, 2, 3]`),
		"base64":    bytes.Replace(contents, []byte(`"data":"`), []byte(`"data":"!`), 1),
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			require.NoError(t, os.WriteFile(path, damaged, 0o600))
			var log bytes.Buffer
			s := newStore(t, path, file.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})

			_, err := s.Load(t.Context(), "a")
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assert.ErrorContains(t, err, path+": the stored sessions are damaged")
			assert.Contains(t, log.String(), "damaged")
			listed, err := s.List(t.Context(), storage.Match{Subject: "alice"})
			assert.NoError(t, err)
			assert.Empty(t, listed)
			_, err = s.Delete(t.Context(), "a")
			assert.ErrorIs(t, err, storage.ErrNotFound)
			claimed, err := s.Claim(t.Context(), "", 10, time.Minute)
			assert.NoError(t, err)
			assert.Empty(t, claimed)
			assert.NoFileExists(t, path+".damaged", "nothing has come in its place yet")

			assertStored(t, s, save(t, s, record("a")))
			aside, err := os.ReadFile(path + ".damaged")
			require.NoError(t, err)
			assert.Equal(t, damaged, aside)
		})
	}
}

func TestAFileOfANewerVersionIsRefusedAndLeftAlone(t *testing.T) {
	path := tempPath(t)
	s := newStore(t, path, file.Options{})
	newer := []byte(`{"version": 2, "records": {"a": "in another form"}}`)
	require.NoError(t, os.WriteFile(path, newer, 0o600))

	_, err := file.New(path, file.Options{})
	assert.ErrorContains(t, err, path+": the sessions are stored in format 2")
	_, err = s.Load(t.Context(), "a")
	assert.ErrorContains(t, err, "format 2")
	assert.NotErrorIs(t, err, storage.ErrNotFound)
	_, err = s.Save(t.Context(), record("a"))
	assert.ErrorContains(t, err, "format 2")

	left, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, newer, left)
	assert.NoFileExists(t, path+".damaged")
}

func TestAWriteThatFailsLeavesTheFileAsItWas(t *testing.T) {
	path := tempPath(t)
	s := newStore(t, path, file.Options{})
	r := save(t, s, record("a"))
	require.NoError(t, os.MkdirAll(path+".new/in the way", 0o700))

	_, err := s.Save(t.Context(), r)
	assert.ErrorContains(t, err, "storage/file: ")
	assert.ErrorContains(t, err, path+".new")
	_, err = s.DeleteAndEnqueue(t.Context(), "a", time.Minute)
	assert.Error(t, err)
	assertStored(t, s, r)
	_, err = s.Delete(t.Context(), "a")
	assert.NoError(t, err, "for which nothing has to be written")
}

func TestWhatACrashHasLeftIsNotInTheWay(t *testing.T) {
	path := tempPath(t)
	require.NoError(t, os.WriteFile(path+".new", []byte(`{"version":1,"rec`), 0o644))
	s := newStore(t, path, file.Options{})
	r := save(t, s, record("a"))
	assertStored(t, s, r)
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path))
	assert.NoFileExists(t, path+".new")
}

func TestAProcessThatKeepsTheLockIsNamedAndReadsGoOn(t *testing.T) {
	path := tempPath(t)
	r := save(t, newStore(t, path, file.Options{}), record("a"))
	release, err := filelock.New(path+".lock", time.Minute).Acquire(t.Context())
	require.NoError(t, err)

	s := newStore(t, path, file.Options{LockTimeout: -1})
	_, err = s.Save(t.Context(), r)
	assert.ErrorContains(t, err, "storage/file: "+path+".lock is held by another process")
	assertStored(t, s, r)

	release()
	save(t, s, r)
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	s := newStore(t, tempPath(t), file.Options{})
	r := record("a")
	r.Subject = "\xff"
	_, err := s.Save(t.Context(), r)
	assert.ErrorContains(t, err, "UTF-8")
}

// update writes the golden file anew. That is right only for a format that no
// release has written yet: a new format is a new file beside the old ones.
var update = flag.Bool("update", false, "write testdata/v1.json anew")

func TestAFileOfFormat1IsReadable(t *testing.T) {
	const golden = "testdata/v1.json"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	opts := file.Options{Now: func() time.Time { return now }}
	one := storage.Record{ID: "one", Subject: "älice", SID: "s1", Expiry: now.Add(time.Hour + 123*time.Microsecond), Data: []byte{0, 1, 255}}
	bare := storage.Record{ID: "bare", Expiry: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), Data: []byte{}}
	if *update {
		s := newStore(t, golden, opts)
		save(t, s, one)
		save(t, s, bare)
		revocation, err := s.Enqueue(t.Context(), one, time.Minute)
		require.NoError(t, err)
		require.NoError(t, s.Retry(t.Context(), revocation, now.Add(2*time.Minute)))
		require.NoError(t, os.Remove(golden+".lock"))
	}
	contents, err := os.ReadFile(golden)
	require.NoError(t, err)
	path := tempPath(t)
	require.NoError(t, os.WriteFile(path, contents, 0o600))

	s := newStore(t, path, opts)
	enqueued := one
	one.Revision, bare.Revision = 1, 1
	assertStored(t, s, one)
	assertStored(t, s, bare)
	begun := now
	now = now.Add(2 * time.Minute)
	claimed, err := s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, []storage.Revocation{{Record: enqueued, Since: begun, Attempts: 1, Due: now.Add(time.Minute)}}, claimed)
}
