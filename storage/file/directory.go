package file

import (
	"fmt"
	"os"

	"github.com/passport-go/passport/internal/privatefile"
)

// prepareDir makes a directory for the user alone, or checks one that is there.
// Those who can write to it could put another file in the place of ours.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !privatefile.OnWindows && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to the directory %s (mode %04o): take that from them with chmod go-w, or use another",
			dir, info.Mode().Perm())
	}
	return nil
}
