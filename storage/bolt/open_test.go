package bolt_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

func TestOpenCreatesAFileForItsOwnerAlone(t *testing.T) {
	path := tempPath(t)
	open(t, path, bolt.Options{})
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path))
}

func TestOpenTightensAFileThatOthersMayRead(t *testing.T) {
	path := tempPath(t)
	clock := newClock()
	s, err := bolt.Open(path, bolt.Options{Now: clock.Now})
	require.NoError(t, err)
	r := save(t, s, record("a", clock.Now()))
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(path, 0o664))

	s = open(t, path, bolt.Options{Now: clock.Now})
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path))
	assertStored(t, s, r)
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode()
}

func TestRecordsAndRevocationsSurviveARestart(t *testing.T) {
	path := tempPath(t)
	clock := newClock()
	s, err := bolt.Open(path, bolt.Options{Now: clock.Now})
	require.NoError(t, err)
	kept := save(t, s, record("kept", clock.Now()))
	ended := save(t, s, record("ended", clock.Now()))
	revocation, err := s.DeleteAndEnqueue(t.Context(), ended.ID, time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	s = open(t, path, bolt.Options{Now: clock.Now})
	assertStored(t, s, kept)
	assertAbsent(t, s, ended.ID)
	assert.NoError(t, s.Complete(t.Context(), revocation), "the lease is still ours")
}

// holdFile is the other process: it has the file open until its stdin ends.
func holdFile(path string) error {
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return err
	}
	fmt.Println("holding")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return s.Close()
}

func TestASecondProcessIsToldWhatToDo(t *testing.T) {
	path := tempPath(t)
	child := startChild(t, "lease", path)
	require.Equal(t, "holding", child.line(t))

	synctest.Test(t, func(t *testing.T) { // in which only a wait takes time
		begun := time.Now()
		_, err := bolt.Open(path, bolt.Options{LockTimeout: -1})
		require.Error(t, err)
		assert.ErrorContains(t, err, path+" is in use")
		assert.ErrorContains(t, err, "storage/redis or storage/postgres")
		assert.Zero(t, time.Since(begun), "a negative LockTimeout does not wait")
	})
}

func TestOpenWaitsForAProcessThatIsAboutToEnd(t *testing.T) {
	path := tempPath(t)
	child := startChild(t, "lease", path)
	require.Equal(t, "holding", child.line(t))

	opened := make(chan error, 1)
	go func() {
		s, err := bolt.Open(path, bolt.Options{LockTimeout: time.Minute})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		require.Fail(t, "Open did not wait", "%v", err)
	case <-time.After(200 * time.Millisecond):
	}
	require.NoError(t, child.stdin.Close())
	assert.NoError(t, <-opened)
}

func TestTheSameProcessCannotOpenTheFileTwice(t *testing.T) {
	path := tempPath(t)
	open(t, path, bolt.Options{})
	_, err := bolt.Open(path, bolt.Options{LockTimeout: -1})
	assert.ErrorContains(t, err, "is in use")
}

func TestOpenNamesTheFileItCannotUse(t *testing.T) {
	dir := t.TempDir()
	for problem, path := range map[string]string{
		"no such file or directory":                         filepath.Join(dir, "no", "such", "directory"),
		"is a directory":                                    dir,
		"not a regular file: move it away, or name another": os.DevNull,
	} {
		t.Run(problem, func(t *testing.T) {
			_, err := bolt.Open(path, bolt.Options{})
			assert.EqualError(t, err, "storage/bolt: open "+path+": "+problem)
		})
	}
}

func TestOpenRefusesTooSmallAMaxSize(t *testing.T) {
	_, err := bolt.Open(tempPath(t), bolt.Options{MaxSize: 1 << 10})
	assert.ErrorContains(t, err, "Options.MaxSize is 1024")
}

func TestOpenRefusesAFormatItDoesNotKnow(t *testing.T) {
	path := tempPath(t)
	require.NoError(t, open(t, path, bolt.Options{}).Close())
	for _, version := range []string{"1", "3"} {
		setVersion(t, path, version)
		_, err := bolt.Open(path, bolt.Options{})
		require.Error(t, err)
		assert.ErrorContains(t, err, path)
		assert.ErrorContains(t, err, `has format "`+version+`"`)
	}

	setVersion(t, path, "2") // and the refusal has let go of the file
	open(t, path, bolt.Options{})
}

func setVersion(t *testing.T, path, version string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	require.NoError(t, err)
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("passport.meta")).Put([]byte("version"), []byte(version))
	})
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestCallsAfterCloseFail(t *testing.T) {
	clock := newClock()
	s := open(t, tempPath(t), bolt.Options{Now: clock.Now})
	save(t, s, record("a", clock.Now()))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "a second Close does nothing")

	_, err := s.Load(t.Context(), "a")
	assert.ErrorContains(t, err, "storage/bolt: the store is closed")
	_, err = s.Delete(t.Context(), "a")
	assert.ErrorContains(t, err, "storage/bolt: the store is closed")
}

func TestNewLeavesTheDatabaseToItsOwner(t *testing.T) {
	clock := newClock()
	db, s := openUnsynced(t, tempPath(t), bolt.Options{Now: clock.Now})
	other, err := bolt.New(db, bolt.Options{Now: clock.Now, Prefix: "other"})
	require.NoError(t, err)
	r := save(t, s, record("a", clock.Now()))
	assertAbsent(t, other, "a")

	require.NoError(t, s.Close())
	assertAbsent(t, other, "a")
	again, err := bolt.New(db, bolt.Options{Now: clock.Now})
	require.NoError(t, err)
	assertStored(t, again, r)
}

func TestNewRefusesANilDatabase(t *testing.T) {
	_, err := bolt.New(nil, bolt.Options{})
	assert.ErrorContains(t, err, "db is nil")
}
