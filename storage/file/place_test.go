//go:build unix

package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/file"
)

// Tools for dotfiles link the files of a directory of theirs, and link them again
// at the next run.
func TestALinkedFileIsTheOneThatItLeadsTo(t *testing.T) {
	dotfiles, config := t.TempDir(), t.TempDir()
	target, link := filepath.Join(dotfiles, "session.json"), filepath.Join(config, "session.json")
	save(t, newStore(t, target, file.Options{}), record("a"))
	linkAgain := func() {
		require.NoError(t, os.RemoveAll(link))
		require.NoError(t, os.Symlink(target, link))
	}
	linkAgain()
	s := newStore(t, link, file.Options{})
	_, err := s.Delete(t.Context(), "a")
	require.NoError(t, err)
	assert.NoFileExists(t, target)

	linkAgain()
	s = newStore(t, link, file.Options{})
	_, err = s.Load(t.Context(), "a")
	require.ErrorIs(t, err, storage.ErrNotFound, "whoever has signed out stays so")

	save(t, s, record("b"))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.Equal(t, os.ModeSymlink, info.Mode().Type(), "the link stays one")
	assert.FileExists(t, target)
	assert.NoFileExists(t, link+".lock", "all processes have one lock, whichever path they know")
}

func TestWhatALinkLeadsToIsInASafePlaceToo(t *testing.T) {
	open := t.TempDir()
	require.NoError(t, os.Chmod(open, 0o777))
	target, link := filepath.Join(open, "session.json"), tempPath(t)
	require.NoError(t, os.WriteFile(target, nil, 0o644))
	require.NoError(t, os.Symlink(target, link))
	_, err := file.New(link, file.Options{})
	require.ErrorContains(t, err, "others can write to the directory "+open)
	assert.Equal(t, os.FileMode(0o644), modeOf(t, target))
	_, err = file.Key(link)
	require.ErrorContains(t, err, "others can write to the directory "+open)
}

func TestAPipeHangsNobody(t *testing.T) {
	for _, suffix := range []string{"", ".lock"} {
		path := tempPath(t)
		require.NoError(t, syscall.Mkfifo(path+suffix, 0o600))
		done := make(chan error, 1)
		go func() {
			s, err := file.New(path, file.Options{})
			if err == nil {
				_, err = s.Save(t.Context(), record("a"))
			}
			_, keyErr := file.Key(path)
			done <- errors.Join(err, keyErr)
		}()
		select {
		case err := <-done:
			assert.ErrorContains(t, err, path+suffix+": not a regular file")
		case <-time.After(20 * time.Second):
			require.FailNow(t, "waits for the other end of the pipe")
		}
	}
}

func TestAKeyThatIsThereIsReadWhereNothingCanBeWritten(t *testing.T) {
	path := keyPath(t)
	want, err := file.Key(path)
	require.NoError(t, err)
	lock := path + ".lock"
	require.NoError(t, os.Remove(lock))
	require.NoError(t, os.Mkdir(lock, 0o700)) // it cannot be made
	got, err := file.Key(path)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	require.NoError(t, os.Remove(path))
	_, err = file.Key(path)
	assert.ErrorContains(t, err, lock, "a new one has to be written")
}
