package privatefile

import (
	"errors"
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
	if err := MakeDir(dir); err != nil {
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

// MakeDir makes a directory for the user alone, and the missing ones above it. As root
// it makes nothing in another user's directory: a program that runs once under sudo,
// which may keep HOME, would lock that user out of what it makes there. What it has made
// is on the disk when it returns.
func MakeDir(dir string) error {
	if isRoot() {
		if err := checkNearest(dir); err != nil {
			return err
		}
	}
	there := nearest(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return explainDenied(dir, err)
	}
	for made := dir; made != there && made != filepath.Dir(made); made = filepath.Dir(made) {
		err := syncDir(filepath.Dir(made))
		if err != nil && !errors.Is(err, fs.ErrPermission) { // who may not read it may make something in it
			return err
		}
	}
	return nil
}

// syncDir is replaced by a test.
var syncDir = SyncDir

// nearest is dir or, if it is missing, the next directory above it that is there.
func nearest(dir string) string {
	for {
		if _, err := os.Lstat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// checkNearest checks the owner of dir or, if it is missing, of the next directory above
// it that is there.
func checkNearest(dir string) error {
	dir = nearest(dir)
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	return checkOwner("directory", dir, info)
}

// explainDenied says so if name may not be used because it, or a directory above it,
// belongs to another user.
func explainDenied(name string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	for {
		info, statErr := os.Lstat(name)
		if statErr == nil {
			return withReason(err, checkOwn(kindOf(info), name, info))
		}
		parent := filepath.Dir(name)
		if parent == name {
			return err
		}
		name = parent
	}
}

// withReason adds why to err, unless that is nil.
func withReason(err, why error) error {
	if why == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, why)
}

func kindOf(info fs.FileInfo) string {
	if info.IsDir() {
		return "directory"
	}
	return "file"
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
