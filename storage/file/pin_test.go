package file_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/file"
	"github.com/passport-go/passport/storage/storagetest"
)

// memoryPin is a Pin whose Set fails after a number of calls, unless that is
// negative.
type memoryPin struct {
	mu    sync.Mutex
	value string
	sets  int
}

var errPin = errors.New("the keyring is locked")

func (p *memoryPin) Get(context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value, nil
}

func (p *memoryPin) Set(_ context.Context, value string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sets == 0 {
		return errPin
	}
	p.sets--
	p.value = value
	return nil
}

func TestContractWithAPin(t *testing.T) {
	storagetest.RunShared(t, func(t *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		path, pin := tempPath(t), &memoryPin{sets: -1}
		return newStore(t, path, file.Options{Now: now, Pin: pin}), newStore(t, path, file.Options{Now: now, Pin: pin})
	})
}

func TestAnOldCopyThatIsPutBackIsNotAccepted(t *testing.T) {
	path, pin := tempPath(t), &memoryPin{sets: -1}
	var log bytes.Buffer
	opts := file.Options{Pin: pin, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	s := newStore(t, path, opts)
	save(t, s, record("a"))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = s.Delete(t.Context(), "a")
	require.NoError(t, err)
	require.NoFileExists(t, path)

	require.NoError(t, os.WriteFile(path, before, 0o600))
	for _, s := range []*file.Store{s, newStore(t, path, opts)} {
		_, err = s.Load(t.Context(), "a")
		require.ErrorIs(t, err, storage.ErrNotFound)
	}
	assert.Contains(t, log.String(), "somebody has put back an old copy")

	b := save(t, s, record("b"))
	assertStored(t, s, b)
	assert.FileExists(t, path+".damaged")

	_, err = newStore(t, tempPath(t), file.Options{}).Load(t.Context(), "a")
	require.ErrorIs(t, err, storage.ErrNotFound)
}

// A crash at any point of a write: before the file is replaced, when the pin has
// the next version already, and after it.
func TestAPinThatIsNotThatOfTheFileCostsNoSession(t *testing.T) {
	for sets := range 2 {
		path, pin := tempPath(t), &memoryPin{sets: -1}
		s := newStore(t, path, file.Options{Pin: pin})
		r := save(t, s, record("a"))
		pin.sets = sets
		_, err := s.Save(t.Context(), r)
		require.ErrorIs(t, err, errPin)
		_, err = newStore(t, path, file.Options{Pin: pin}).Load(t.Context(), "a")
		require.NoError(t, err, sets)
	}
	path, pin := tempPath(t), &memoryPin{sets: -1}
	s := newStore(t, path, file.Options{Pin: pin})
	r := save(t, s, record("a"))
	require.NoError(t, os.MkdirAll(path+".new/in the way", 0o700))
	_, err := s.Save(t.Context(), r)
	require.Error(t, err)
	assertStored(t, newStore(t, path, file.Options{Pin: pin}), r)
}

// slowPin has another process write between a look at the file and one at the pin.
type slowPin struct {
	*memoryPin
	meanwhile func()
}

func (p *slowPin) Get(ctx context.Context) (string, error) {
	if meanwhile := p.meanwhile; meanwhile != nil {
		p.meanwhile = nil
		meanwhile()
	}
	return p.memoryPin.Get(ctx)
}

func TestAVersionThatIsReplacedMeanwhileIsNoOldCopy(t *testing.T) {
	path, pin := tempPath(t), &memoryPin{sets: -1}
	other := newStore(t, path, file.Options{Pin: pin})
	slow := &slowPin{memoryPin: pin}
	s := newStore(t, path, file.Options{Pin: slow})
	r := save(t, other, record("a"))
	slow.meanwhile = func() { r = save(t, other, save(t, other, r)) }
	got, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, r, got)
}
