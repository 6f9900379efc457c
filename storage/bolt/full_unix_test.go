//go:build unix

package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func init() { children["full"] = workOnAFullDisk }

// workOnAFullDisk does what a program does whose disk fills up. The kernel lets
// it write the first two megabytes of the file, and refuses the rest.
func workOnAFullDisk(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := growFile(path, 32<<20); err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: 2 << 20, Max: 2 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return err
	}
	filled, err := fillUntilRefused(s)
	if !errors.Is(err, storage.ErrFull) {
		return fmt.Errorf("a full disk is reported as: %w", err)
	}
	fmt.Println(err)
	if err := endHalf(s, filled); err != nil {
		return err
	}
	fmt.Println(len(filled))
	return nil // and leaves the file as a crash would
}

// growFile makes a new store's file as large as it may get, as bbolt does when
// it needs more: on a disk that is full, what fails is to write to it.
func growFile(path string, size int64) error {
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return os.Truncate(path, size)
}

func fillUntilRefused(s *bolt.Store) (filled []storage.Record, err error) {
	for i := 0; ; i++ {
		r, err := s.Save(context.Background(), sizedRecord(i, time.Now()))
		if err != nil {
			return filled, err
		}
		filled = append(filled, r)
	}
}

// endHalf refreshes every session and ends every second one.
func endHalf(s *bolt.Store, filled []storage.Record) error {
	ctx := context.Background()
	for i, r := range filled {
		if _, err := s.Save(ctx, r); err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
		if i%2 == 0 {
			continue
		}
		if _, err := s.DeleteAndEnqueue(ctx, r.ID, 0); err != nil {
			return fmt.Errorf("logout: %w", err)
		}
	}
	return nil
}

func TestOnAFullDiskNothingIsLostAndLogoutWorks(t *testing.T) {
	path := tempPath(t)
	child := startChild(t, "full", path)
	assert.Contains(t, child.line(t), "storage: full")
	var n int
	_, err := fmt.Sscan(child.line(t), &n)
	require.NoError(t, err)
	require.NoError(t, child.Wait())

	s := open(t, path, bolt.Options{})
	revocations, err := s.Claim(t.Context(), "", n, 0)
	require.NoError(t, err)
	assert.Len(t, revocations, n/2)
	for i := range n {
		want := sizedRecord(i, time.Now())
		r, err := s.Load(t.Context(), want.ID)
		if i%2 == 1 {
			assert.ErrorIs(t, err, storage.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, uint64(2), r.Revision)
		assert.Equal(t, want.Data, r.Data)
	}
	require.NoError(t, s.Close())
	checkFile(t, path)
}

// Somebody cuts the file short, or copies another over it, under a running store.
func TestAFileThatShrinksInUseIsAnErrorNotACrash(t *testing.T) {
	clock := newClock()
	path := writeFile(t, fileOf(t, clock, 200))
	s := open(t, path, bolt.Options{Now: clock.Now})
	require.NoError(t, os.Truncate(path, int64(3*os.Getpagesize())))

	failures := 0
	for i := range 200 {
		if _, err := s.Load(t.Context(), fmt.Sprint(i)); err != nil {
			assert.ErrorContains(t, err, "is damaged")
			failures++
		}
	}
	assert.Positive(t, failures)
}
