package keyring

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/document"
)

var errCrashed = errors.New("crashed")

// crashing is a keyring that its program gets to call so many times.
type crashing struct {
	items map[string]string
	calls int
}

func (c *crashing) call() error {
	if c.calls == 0 {
		return errCrashed
	}
	c.calls--
	return nil
}

func (c *crashing) get(name string) (string, error) { return c.items[name], c.call() }

func (c *crashing) set(name, value string) error {
	err := c.call()
	if err == nil {
		c.items[name] = value
	}
	return err
}

func (c *crashing) delete(name string) error {
	err := c.call()
	if err == nil {
		delete(c.items, name)
	}
	return err
}

func (r *ring) put(t *testing.T, document []byte) error {
	t.Helper()
	return r.Update(t.Context(), func([]byte) ([]byte, error) { return document, nil })
}

// Wherever a write is cut off, the document is that of before or that of after,
// and the next write leaves nothing lying about.
func TestACrashAnywhereInAWriteLeavesAWholeDocument(t *testing.T) {
	documents := map[string][]byte{
		"none":  nil,
		"short": []byte("short"),
		"long":  bytes.Repeat([]byte("long "), pieceSize),
		"other": bytes.Repeat([]byte("something else "), pieceSize/3),
	}
	for from, old := range documents {
		for to, next := range documents {
			t.Run(from+" to "+to, func(t *testing.T) {
				calls := 0
				for !crashAfter(t, calls, old, next) {
					calls++
				}
				assert.Positive(t, calls)
			})
		}
	}
}

// crashAfter reports whether the write came to its end with calls to spare.
func crashAfter(t *testing.T, calls int, old, next []byte) bool {
	t.Helper()
	r := &ring{user: "user", lock: document.NewLock(filepath.Join(t.TempDir(), "lock"), time.Minute), patience: time.Minute}
	stored := map[string]string{}
	r.items = &crashing{items: stored, calls: -1}
	require.NoError(t, r.put(t, []byte("before")))
	require.NoError(t, r.put(t, old))

	crash := &crashing{items: stored, calls: calls}
	r.items = crash
	err := r.put(t, next)
	if err != nil {
		require.ErrorIs(t, err, errCrashed)
	}
	r.items = &crashing{items: stored, calls: -1}
	found, readErr := r.Read(t.Context())
	require.NoError(t, readErr)
	isNext := bytes.Equal(found, next)
	require.True(t, isNext || bytes.Equal(found, old), "after %d calls: %d bytes", calls, len(found))
	require.True(t, isNext || err != nil, "after %d calls", calls)

	require.NoError(t, r.put(t, []byte("after")))
	slot := stored["user"][2:3]
	assert.Equal(t, map[string]string{"user": "1 " + slot + " 1", "user/" + slot + "/0": "after"}, stored, "after %d calls", calls)
	require.NoError(t, r.put(t, nil))
	assert.Empty(t, stored)
	return crash.calls > 0
}

// textual is a keyring that keeps text, as KWallet does: it is told that what it
// gets is UTF-8.
type textual struct{ crashing }

func (x *textual) set(name, value string) error {
	return x.crashing.set(name, strings.ToValidUTF8(value, "?"))
}

func TestALetterIsNotCutInTwo(t *testing.T) {
	for before := range 4 {
		r := &ring{user: "user", lock: document.NewLock(filepath.Join(t.TempDir(), "lock"), time.Minute), patience: time.Minute}
		r.items = &textual{crashing{items: map[string]string{}, calls: -1}}
		document := []byte(strings.Repeat("x", before) + strings.Repeat("日", pieceSize))
		require.NoError(t, r.put(t, document))
		found, err := r.Read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, string(document), string(found))
	}
}

// forgetful is a keyring that takes everything and keeps nothing.
type forgetful struct{}

func (forgetful) get(string) (string, error) { return "", nil }
func (forgetful) set(string, string) error   { return nil }
func (forgetful) delete(string) error        { return nil }

// Otherwise each run would have a key of its own, and its user would sign in each time.
func TestAKeyringThatForgetsTheKeyIsSaid(t *testing.T) {
	r := &ring{items: forgetful{}, user: "user", lock: document.NewLock(filepath.Join(t.TempDir(), "lock"), time.Minute), patience: time.Minute}
	_, err := r.keyOrNew(t.Context(), "service")
	require.ErrorIs(t, err, errForgets)
}
