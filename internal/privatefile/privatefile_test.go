//go:build unix

package privatefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFileIsForItsOwnerAlone(t *testing.T) {
	for what, mode := range map[string]os.FileMode{"new": 0, "private": 0o600, "read-only": 0o400, "for the group": 0o640, "for all": 0o666} {
		t.Run(what, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "secrets")
			if mode != 0 {
				require.NoError(t, os.WriteFile(name, []byte("a secret"), 0o600))
				require.NoError(t, os.Chmod(name, mode))
			}
			file, err := Open(name, os.O_RDONLY|os.O_CREATE)
			require.NoError(t, err)
			info, err := file.Stat()
			require.NoError(t, err)
			require.NoError(t, file.Close())
			assert.Zero(t, info.Mode().Perm()&0o077)
			if mode != 0 {
				assert.EqualValues(t, len("a secret"), info.Size())
			}
		})
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir, os.O_RDONLY)
	assert.ErrorContains(t, err, dir+": not a regular file: move it away")
	_, err = Open(filepath.Join(dir, "missing"), os.O_RDONLY)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestALinkIsNeitherFollowedNorChanged(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	require.NoError(t, os.WriteFile(target, nil, 0o644))
	for what, to := range map[string]string{"to a file": target, "to nothing": filepath.Join(dir, "none")} {
		name := filepath.Join(dir, "link "+what)
		require.NoError(t, os.Symlink(to, name))
		_, err := Open(name, os.O_RDWR|os.O_CREATE)
		assert.ErrorContains(t, err, name+" has become a symbolic link", what)
	}
	assert.NoFileExists(t, filepath.Join(dir, "none"))
	info, err := os.Stat(target)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode(), "what a link leads to is not ours to change")
}

// Two programs may start at once, and the other makes the directory.
func TestADirectoryThatIsMadeMeanwhileIsNoLink(t *testing.T) {
	real, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dir := filepath.Join(real, "new")
	var others sync.WaitGroup
	defer others.Wait()
	stop := make(chan struct{})
	defer close(stop)
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = os.Mkdir(dir, 0o700), os.Remove(dir)
			}
		}
	})
	for range 5_000 {
		name, err := Resolve(filepath.Join(dir, "secrets"))
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, "secrets"), name)
	}
}

func TestNobodyWaitsForAPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	opened := make(chan error, 2)
	go func() {
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_CREATE} {
			_, err := Open(name, flag)
			opened <- err
		}
	}()
	for range 2 {
		select {
		case err := <-opened:
			assert.ErrorContains(t, err, name+": not a regular file")
		case <-time.After(10 * time.Second):
			require.FailNow(t, "waits for a writer")
		}
	}
}

// ownedBy is a file, or a directory, that belongs to somebody.
type ownedBy struct {
	fs.FileInfo
	uid, gid uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.uid, Gid: o.gid} }

func TestWhatBelongsToAnotherUserIsRefused(t *testing.T) {
	own := uint32(os.Geteuid())
	require.NoError(t, checkOwner("file", "/x", ownedBy{uid: own}))
	require.NoError(t, checkOwner("file", "/x", ownedBy{uid: 0}), "root can do anything anyway")
	err := checkOwner("file", "/x", ownedBy{uid: own + 1})
	require.ErrorContains(t, err, "the file /x belongs to another user")
	assert.ErrorContains(t, err, "chown it")
}

func TestADirectoryThatIsGoneCannotBeSynced(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, SyncDir(dir))
	assert.ErrorIs(t, SyncDir(filepath.Join(dir, "missing")), os.ErrNotExist)
}
