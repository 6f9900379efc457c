// Package privatefile opens files that hold secrets: for their owner alone, in
// directories that nobody else can change.
package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// OnWindows access follows from the directory, and neither mode nor owner says
// anything.
const OnWindows = runtime.GOOS == "windows"

// Open opens a regular file of this user's, or creates one of mode 0600 if flag
// asks for that. A file that others may use is tightened to that mode first, and
// refused if that fails. Symbolic links, pipes and devices are refused; none of
// them is waited for, followed or changed. See [Resolve] for links. On Windows,
// mode and owner do not count.
func Open(name string, flag int) (*os.File, error) {
	file, err := os.OpenFile(name, flag|noFollow, 0o600)
	if err != nil {
		return nil, explainDenied(name, explainLink(name, err))
	}
	if err := check(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// explainLink says so if the file could not be opened because it is a link, for
// which each system has an error of its own.
func explainLink(name string, err error) error {
	info, statErr := os.Lstat(name)
	if statErr != nil || info.Mode().Type() != fs.ModeSymlink {
		return err
	}
	return fmt.Errorf("%s has become a symbolic link since it was first opened: start the program again, to use the file that it leads to: %w", name, err)
}

func check(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "open", Path: file.Name(), Err: errors.New("not a regular file: move it away, or name another")}
	}
	if OnWindows {
		return nil
	}
	if err := checkOwner("file", file.Name(), info); err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
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

// mostLinks is how many symbolic links Resolve follows in a row.
const mostLinks = 40

// Resolve returns the path that a file has without symbolic links: in the
// directories of name, and of name itself. It need not exist, and neither need
// the last of its directories. A file that is replaced by renaming another is
// replaced where it is then, and a link to it stays one.
func Resolve(name string) (string, error) {
	for range mostLinks {
		dir, err := resolveDir(filepath.Dir(name))
		if err != nil {
			return "", explainDenied(filepath.Dir(name), err)
		}
		name = filepath.Join(dir, filepath.Base(name))
		to, err := os.Readlink(name)
		if err != nil {
			return name, nil // no link, or nothing; whatever else it is, Open says so
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		name = to
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: errors.New("too many symbolic links")}
}

// resolveDir resolves those directories that exist.
func resolveDir(dir string) (string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, syscall.ENOTDIR) { // that error has no path
		return "", &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
		return real, err
	}
	// If it is there by now and no link, another program has just made it.
	if info, linkErr := os.Lstat(dir); linkErr == nil && info.Mode().Type() == fs.ModeSymlink {
		return "", fmt.Errorf("%s is a symbolic link that leads nowhere: remove it, or make what it leads to: %w", dir, err)
	}
	parent, err := resolveDir(filepath.Dir(dir))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(dir)), nil
}
