// Package privatefile opens files that hold secrets: for their owner alone.
package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// OnWindows access follows from the directory, and the mode says nothing.
const OnWindows = runtime.GOOS == "windows"

// Open opens a regular file, or creates one of mode 0600 if flag asks for that.
// One that others may use is tightened to that mode first, and refused if it
// cannot be. On Windows it is left as it is.
func Open(name string, flag int) (*os.File, error) {
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
	if OnWindows || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := file.Chmod(0o600); err != nil {
		return fmt.Errorf("others may use %s (mode %04o), and that cannot be changed: run as its owner, or chmod it 0600: %w",
			file.Name(), info.Mode().Perm(), err)
	}
	return nil
}

// SyncDir puts the names in a directory on the disk: those of new files, and
// what renaming and removing has made of them. Windows has no need of it, and
// some file systems, such as shared folders of a virtual machine, cannot do it:
// there the names are as safe as they get.
func SyncDir(dir string) error {
	if OnWindows {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
