package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

// Stamp is the file in which make test notes the commit that it has passed on.
const Stamp = "tmp/tested"

// Cut makes a release of the commit that is checked out in the repository at root: it
// tries the modules as an outsider does, sets the version in the go.mod files, commits
// that, and tags the commit for every module. It pushes nothing. What it has done and
// what is left to do goes to log.
func Cut(ctx context.Context, root, version string, log io.Writer) error {
	w, err := Open(root)
	if err != nil {
		return err
	}
	if err := w.ready(ctx, version); err != nil {
		return err
	}
	hashes, err := w.rehearse(ctx, version)
	if err != nil {
		return err
	}
	if err := w.commitVersion(ctx, version); err != nil {
		return err
	}
	tags, err := w.tag(ctx, version)
	if err != nil {
		return err
	}
	for _, m := range w.Published() {
		fmt.Fprintf(log, "%s %s %s\n", m.Path, version, hashes[m.Path])
	}
	// The root first: a nested module cannot be had before the root it requires.
	fmt.Fprintf(log, "\nPush the commit and the root, then the others:\n\n\tgit push --atomic origin main %s\n", tags[0])
	if len(tags) > 1 {
		fmt.Fprintf(log, "\tgit push --atomic origin %s\n", strings.Join(tags[1:], " "))
	}
	return nil
}

// ready reports everything that stands against the release.
func (w Workspace) ready(ctx context.Context, version string) error {
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return fmt.Errorf("%q is not a version such as v0.1.0", version)
	}
	return errors.Join(
		w.isNext(ctx, version),
		w.isClean(ctx),
		w.isOnMain(ctx),
		w.isTested(ctx),
		w.isNamed(ctx, version),
	)
}

func (w Workspace) isNext(ctx context.Context, version string) error {
	last, err := w.LastVersion(ctx)
	if err == nil && semver.Compare(version, last) <= 0 {
		err = fmt.Errorf("%s is not later than %s, the last release", version, last)
	}
	return err
}

func (w Workspace) isClean(ctx context.Context) error {
	changed, err := git(ctx, w.Root, "status", "--porcelain")
	if err == nil && changed != "" {
		err = fmt.Errorf("the working tree is not clean:\n%s", changed)
	}
	return err
}

func (w Workspace) isOnMain(ctx context.Context) error {
	branch, err := git(ctx, w.Root, "branch", "--show-current")
	if err == nil && strings.TrimSpace(branch) != "main" {
		err = fmt.Errorf("the branch is %q and not main", strings.TrimSpace(branch))
	}
	return err
}

func (w Workspace) isTested(ctx context.Context) error {
	commit, err := git(ctx, w.Root, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	stamp, err := os.ReadFile(filepath.Join(w.Root, Stamp))
	if errors.Is(err, os.ErrNotExist) || err == nil && string(stamp) != commit {
		return errors.New("make test has not passed on this commit with a clean tree: run it")
	}
	return err
}

// isNamed checks that CHANGELOG.md has the version, and names what breaks.
func (w Workspace) isNamed(ctx context.Context, version string) error {
	section, err := w.Changelog(strings.TrimPrefix(version, "v"))
	if err != nil {
		return fmt.Errorf("%w: move what is under ## [%s] there", err, Unreleased)
	}
	if section == "" {
		return fmt.Errorf("CHANGELOG.md says nothing about %s", version)
	}
	changes, err := w.IncompatibleSinceLast(ctx)
	if err != nil {
		return err
	}
	for _, c := range Unnamed(section, changes) {
		err = errors.Join(err, fmt.Errorf("CHANGELOG.md does not name `%s`, which changes incompatibly (%s)", c.Name, c.Detail))
	}
	return err
}

// LastVersion returns the latest version that is tagged, or nothing.
func (w Workspace) LastVersion(ctx context.Context) (string, error) {
	tags, err := git(ctx, w.Root, "tag", "--list", "v*")
	if err != nil {
		return "", err
	}
	last := ""
	for _, tag := range strings.Fields(tags) {
		if semver.IsValid(tag) && semver.Compare(tag, last) > 0 {
			last = tag
		}
	}
	return last, nil
}

// IncompatibleSinceLast compares the tree with the last release. Before the first
// one there is nothing that could break.
func (w Workspace) IncompatibleSinceLast(ctx context.Context) ([]Change, error) {
	last, err := w.LastVersion(ctx)
	if err != nil || last == "" {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	before, err := Checkout(ctx, w.Root, last, filepath.Join(dir, "tree"))
	if err != nil {
		return nil, err
	}
	return Incompatible(ctx, before, w)
}

// rehearse packs the commit as a proxy will once it has the version, and has
// outsiders use it. It returns the hash of each module.
func (w Workspace) rehearse(ctx context.Context, version string) (map[string]string, error) {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	tree, err := Checkout(ctx, w.Root, "HEAD", filepath.Join(dir, "tree"))
	if err != nil {
		return nil, err
	}
	if err := tree.SetVersion(version); err != nil {
		return nil, err
	}
	outside := Outside{Proxy: Proxy{filepath.Join(dir, "proxy")}, Cache: filepath.Join(dir, "cache"), Programs: tree.Programs()}
	hashes, err := outside.Proxy.Add(tree, version)
	if err != nil {
		return nil, err
	}
	for _, m := range tree.Published() {
		if err := outside.Try(ctx, version, m); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
	}
	return hashes, nil
}

// commitVersion commits the go.mod files with the version, unless they have it.
func (w Workspace) commitVersion(ctx context.Context, version string) error {
	if err := w.SetVersion(version); err != nil {
		return err
	}
	if w.isClean(ctx) == nil {
		return nil
	}
	_, err := git(ctx, w.Root, "commit", "--all", "--quiet", "--message", "release "+version)
	return err
}

// tag tags the commit for every module, and returns the tags, the root's first.
func (w Workspace) tag(ctx context.Context, version string) ([]string, error) {
	var tags []string
	for _, m := range w.Published() {
		tag := m.Tag(version)
		if _, err := git(ctx, w.Root, "tag", "--annotate", "--message", m.Path+" "+version, tag); err != nil {
			return tags, fmt.Errorf("tagged so far: %q: %w", tags, err)
		}
		tags = append(tags, tag)
	}
	return tags, nil
}
