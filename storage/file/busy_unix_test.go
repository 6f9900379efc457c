//go:build unix

package file

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/internal/privatefile"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
	"github.com/stretchr/testify/require"
)

// A home directory on NFS: another machine has just replaced the file.
func TestAFileThatGoesStaleIsOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.json")
	f := newFile(path, filelock.New(path+".lock", time.Minute))
	s, err := document.New(t.Context(), f, document.Options{})
	require.NoError(t, err)
	_, err = s.Save(t.Context(), storage.Record{ID: "a", Expiry: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	stale := true
	f.open = func(name string, flag int) (*os.File, error) {
		if stale {
			stale = false
			return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ESTALE}
		}
		return privatefile.Open(name, flag)
	}
	_, err = s.Load(t.Context(), "a")
	require.NoError(t, err)
}
