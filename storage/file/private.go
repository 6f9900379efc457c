package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// onWindows access follows from the directory, and the mode says nothing.
const onWindows = runtime.GOOS == "windows"

// openPrivate opens a regular file, or creates one of mode 0600 if flag asks for
// that. One that others may use is tightened first, and refused if it cannot be.
func openPrivate(name string, flag int) (*os.File, error) {
	file, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tighten(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func tighten(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "open", Path: file.Name(), Err: errors.New("not a regular file")}
	}
	if onWindows || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := file.Chmod(0o600); err != nil {
		return fmt.Errorf("others may use %s (mode %04o), and that cannot be changed: run as its owner, or chmod it 0600: %w",
			file.Name(), info.Mode().Perm(), err)
	}
	return nil
}

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
	if !onWindows && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to the directory %s (mode %04o): take that from them with chmod go-w, or use another",
			dir, info.Mode().Perm())
	}
	return nil
}

// syncDir puts the names in a directory on the disk: those of new files, and
// what renaming and removing has made of them. Windows has no need of it.
func syncDir(dir string) error {
	if onWindows {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
