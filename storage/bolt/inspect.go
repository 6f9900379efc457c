package bolt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/passport-go/passport/storage"
)

var _ storage.Inspector = (*Store)(nil)

// What Inspect finds.
var (
	foundNoSync = storage.Finding{
		ID: "bolt.no-sync", Severity: storage.Problem,
		Why:    "What a call has returned may not be on disk: after a crash of the machine the file can be damaged, and sessions that had ended can be back.",
		Remedy: "Leave NoSync of the database false.",
	}
	foundReadable = storage.Finding{
		ID: "bolt.permissions", Severity: storage.Problem,
		Why:    "Other users of this machine can read the sealed sessions, or replace the file by an old copy.",
		Remedy: "Make the file 0600, and its directory writable by the program's user alone.",
	}
)

// Inspect implements [storage.Inspector]. It looks at what may have changed since Open,
// and at how a database that was passed to New is set up.
func (s *Store) Inspect(ctx context.Context) ([]storage.Finding, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var found []storage.Finding
	if s.db.NoSync {
		found = append(found, foundWith(foundNoSync, "NoSync of the database is set"))
	}
	if runtime.GOOS == "windows" {
		return found, nil // access follows from the directory's list
	}
	path := s.db.Path()
	for _, place := range []struct {
		path      string
		forbidden os.FileMode
	}{{path, 0o077}, {filepath.Dir(path), 0o022}} {
		info, err := os.Stat(place.path)
		if err != nil {
			return found, fmt.Errorf("storage/bolt: inspect: %w", err)
		}
		shared := info.IsDir() && info.Mode()&os.ModeSticky != 0
		if mode := info.Mode().Perm(); mode&place.forbidden != 0 && !shared {
			found = append(found, foundWith(foundReadable, "%s has the mode %04o", place.path, mode))
		}
	}
	return found, nil
}

func foundWith(f storage.Finding, format string, args ...any) storage.Finding {
	f.Seen = fmt.Sprintf(format, args...)
	return f
}
