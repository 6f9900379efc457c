package file

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/internal/privatefile"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/document"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fillDisk leaves no room for new files: what is written to one fails as on a
// disk that is full.
func (f *file) fillDisk() {
	f.open = func(name string, flag int) (*os.File, error) {
		if flag&os.O_CREATE != 0 {
			name, flag = "/dev/full", os.O_WRONLY
			return os.OpenFile(name, flag, 0)
		}
		return privatefile.Open(name, flag)
	}
}

func TestOnAFullDiskSessionsCanBeEndedAndNotBegun(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "session.json")
	f := newFile(path, filelock.New(path+".lock", time.Minute))
	s, err := document.New(ctx, f, document.Options{Name: "storage/file", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	record := func(id string) storage.Record {
		return storage.Record{ID: id, Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: []byte(strings.Repeat(id, 1000))}
	}
	for _, id := range []string{"a", "b", "c"} {
		_, err := s.Save(ctx, record(id))
		require.NoError(t, err)
	}

	f.fillDisk()
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = s.Save(ctx, record("d"))
	assert.ErrorIs(t, err, storage.ErrFull)
	_, err = s.DeleteAndEnqueue(ctx, "b", time.Minute)
	assert.ErrorIs(t, err, storage.ErrFull, "a revocation takes more room than its record")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)

	for _, id := range []string{"b", "a"} {
		_, err = s.Delete(ctx, id)
		require.NoError(t, err)
		_, err = s.Load(ctx, id)
		assert.ErrorIs(t, err, storage.ErrNotFound)
	}
	c, err := s.Load(ctx, "c")
	require.NoError(t, err)
	_, err = s.Save(ctx, c)
	require.NoError(t, err)
	_, err = s.DeleteAndEnqueue(ctx, "c", time.Minute)
	require.NoError(t, err, "there is room now in the file itself")

	f.open = privatefile.Open
	_, err = s.Save(ctx, record("e"))
	require.NoError(t, err)
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(now), "  ", "the room is given back")
	assert.NoFileExists(t, path+".new")
}

// Other processes read without the lock, while a session is refreshed, for example.
func TestWhoReadsOnAFullDiskSeesOneVersion(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "session.json")
	open := func() (*file, *document.Store) {
		f := newFile(path, filelock.New(path+".lock", time.Minute))
		s, err := document.New(ctx, f, document.Options{Name: "storage/file"})
		require.NoError(t, err)
		return f, s
	}
	const size = 20_000
	record := storage.Record{ID: "a", Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: bytes.Repeat([]byte("-"), size)}
	f, writer := open()
	record, err := writer.Save(ctx, record)
	require.NoError(t, err)
	f.fillDisk()
	var reading sync.WaitGroup
	defer reading.Wait()
	over := make(chan struct{})
	defer close(over)
	for range 2 {
		_, reader := open()
		reading.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				r, err := reader.Load(ctx, "a")
				if !assert.NoError(t, err) || !assert.True(t, bytes.Count(r.Data, r.Data[:1]) == len(r.Data), "two versions are mixed") {
					return
				}
			}
		})
	}
	for i := range 200 {
		record.Data = bytes.Repeat([]byte{byte('a' + i%16)}, size-100)
		record, err = writer.Save(ctx, record)
		require.NoError(t, err)
	}
}

// A process that was killed while it overwrote the file.
func TestAFileThatIsOverwrittenHalfIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.json")
	f := newFile(path, filelock.New(path+".lock", time.Minute))
	s, err := document.New(t.Context(), f, document.Options{Name: "storage/file"})
	require.NoError(t, err)
	r := storage.Record{ID: "a", Expiry: time.Now().Add(time.Hour)}
	_, err = s.Save(t.Context(), r)
	require.NoError(t, err)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	require.NoError(t, writeAllAt(file, []byte{overwritten}, 0))
	require.NoError(t, file.Close())
	_, err = s.Load(t.Context(), "a")
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.ErrorContains(t, err, "damaged")
	_, err = s.Save(t.Context(), r)
	require.NoError(t, err)
	assert.FileExists(t, path+".damaged")
}
