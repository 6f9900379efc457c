package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// Pin remembers, outside the file, which contents of the file are current, so that a
// restored copy from before a logout is rejected. storage/keyring has one in the
// system's keyring; somebody who can also write there can forge it.
type Pin interface {
	// Get returns the value, or "" if there is none.
	Get(ctx context.Context) (string, error)

	// Set stores a value of at most 100 characters.
	Set(ctx context.Context, value string) error
}

// oldCopy replaces the contents of a restored copy. It is not a valid document, so it
// counts as damaged.
var oldCopy = []byte("old")

// digest hashes contents without the spaces that pad a file on a full disk.
func digest(contents []byte) string {
	sum := sha256.Sum256(bytes.TrimRight(contents, " "))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// readTries is how often to read a file that keeps being replaced.
const readTries = 5

// readCurrent reads the file, and compares it with the pin.
func (f *file) readCurrent(ctx context.Context) ([]byte, error) {
	contents, err := f.read()
	if f.pin == nil || err != nil {
		return contents, err
	}
	for range readTries {
		pinned, err := f.pin.Get(ctx)
		if err != nil {
			return nil, err
		}
		if len(contents) == 0 || pinned == "" || slices.Contains(strings.Fields(pinned), digest(contents)) {
			return contents, nil
		}
		again, err := f.read()
		if err != nil {
			return nil, err
		}
		if bytes.Equal(again, contents) {
			break
		}
		contents = again
	}
	f.logger.ErrorContext(ctx, "storage/file: "+f.path+" is not the version that was written last: somebody has put back an old copy")
	return oldCopy, nil
}

// pinned calls replace, which replaces old with contents. Until it returns, the pin
// accepts both, since a crash leaves one or the other.
func (f *file) pinned(ctx context.Context, old, contents []byte, replace func() error) error {
	if f.pin == nil {
		return replace()
	}
	next := digest(contents)
	if err := f.pin.Set(ctx, next+" "+digest(old)); err != nil {
		return fmt.Errorf("the version could not be pinned: %w", err)
	}
	if err := replace(); err != nil {
		return err
	}
	if err := f.pin.Set(ctx, next); err != nil {
		return fmt.Errorf("the version could not be pinned: %w", err)
	}
	return nil
}
