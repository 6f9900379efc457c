package release

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Snapshot copies the working tree of the repository at root into the directory
// dir: what is committed, or could be.
func Snapshot(ctx context.Context, root, dir string) (Workspace, error) {
	names, err := git(ctx, root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return Workspace{}, err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(names, "\x00"), "\x00") {
		if err := copyFile(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			return Workspace{}, err
		}
	}
	return Open(dir)
}

// copyFile copies regular files. One that is not there has been deleted, and git
// does not know yet.
func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Close()
}

// Checkout copies a commit of the repository at root into the directory dir.
func Checkout(ctx context.Context, root, commit, dir string) (Workspace, error) {
	archive := filepath.Join(dir, "..", filepath.Base(dir)+".zip")
	defer os.Remove(archive)
	if _, err := git(ctx, root, "archive", "--format=zip", "--output="+archive, commit); err != nil {
		return Workspace{}, err
	}
	files, err := zip.OpenReader(archive)
	if err != nil {
		return Workspace{}, err
	}
	defer files.Close()
	if err := os.CopyFS(dir, files); err != nil {
		return Workspace{}, err
	}
	return Open(dir)
}

// git returns what a git command prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	return output(ctx, dir, nil, "git", args...)
}

// output runs a program, and returns what it prints. An error has all of its output.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	if env != nil {
		command.Env = env
	}
	var stdout, stderr strings.Builder // one each: they are written at the same time
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}
