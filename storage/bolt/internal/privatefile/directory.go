package privatefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PrepareDir makes a directory for the user alone, or checks one that is there,
// and every directory above it, up to the user's home directory or else the
// root: nobody but the user and root may be able to put another file in the
// place of one of its own. dir has no symbolic links; see [Resolve].
func PrepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if OnWindows {
		return nil
	}
	home := homeDir()
	for {
		if err := checkDir(dir); err != nil {
			return err
		}
		parent := filepath.Dir(dir)
		if dir == home || parent == dir {
			return nil
		}
		dir = parent
	}
}

func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	real, err := filepath.EvalSymlinks(home)
	if err != nil {
		return ""
	}
	return real
}

// checkDir follows sshd, which checks where authorized_keys are in the same way.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if err := checkOwner("directory", dir, info); err != nil {
		return err
	}
	mode := info.Mode()
	if mode.Perm()&0o022 == 0 || mode&fs.ModeSticky != 0 { // in /tmp, others cannot rename what is the user's
		return nil
	}
	if mode.Perm()&0o002 == 0 && isOwnGroup(info) {
		return nil
	}
	return fmt.Errorf("others can write to the directory %s (mode %04o), and so put another file in the place of one of yours: take that from them with chmod go-w, or use a path elsewhere",
		dir, mode.Perm())
}
