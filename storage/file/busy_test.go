package file

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/internal/privatefile"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errScanned = errors.New("the file is being used by another process")

// A virus scanner has each file open for a moment after it was written, or read.
func TestAFileThatIsScannedIsWaitedFor(t *testing.T) {
	before := isBusy
	t.Cleanup(func() { isBusy = before })
	isBusy = func(err error) bool { return errors.Is(err, errScanned) }
	path := filepath.Join(t.TempDir(), "session.json")
	f := newFile(path, filelock.New(path+".lock", time.Minute))
	tries := map[string]int{}
	f.open = func(name string, flag int) (*os.File, error) {
		if tries[name]++; tries[name]%3 != 0 {
			return nil, &os.PathError{Op: "open", Path: name, Err: errScanned}
		}
		return privatefile.Open(name, flag)
	}
	s, err := document.New(t.Context(), f, document.Options{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, err = s.Save(t.Context(), storage.Record{ID: "a", Expiry: time.Now().Add(time.Hour), Data: []byte("x")})
	require.NoError(t, err)
	_, err = s.Load(t.Context(), "a")
	require.NoError(t, err)
	_, err = s.Delete(t.Context(), "a")
	require.NoError(t, err)
	assert.NoFileExists(t, path)
}

func TestAFileThatStaysBusyIsAnError(t *testing.T) {
	before := isBusy
	t.Cleanup(func() { isBusy = before })
	isBusy = func(error) bool { return true }
	begun := time.Now()
	assert.ErrorIs(t, patiently(func() error { return errScanned }), errScanned)
	assert.GreaterOrEqual(t, time.Since(begun), patience)
	assert.NoError(t, patiently(func() error { return nil }))
}
