package file_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/file"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childOf returns a process of this binary that is one of the children.
func childOf(t *testing.T, name, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, path)
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

const increments = 30

// incrementMany saves the record until it has succeeded so many times.
func incrementMany(path string) error {
	ctx := context.Background()
	s, err := file.New(path, file.Options{})
	if err != nil {
		return err
	}
	for done := 0; done < increments; {
		r, err := s.Load(ctx, "shared")
		if err != nil {
			return err
		}
		_, err = s.Save(ctx, r)
		if err == nil {
			done++
		} else if !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
	return nil
}

func TestProcessesLoseNoUpdateOfEachOther(t *testing.T) {
	const processes = 4
	path := tempPath(t)
	s := newStore(t, path, file.Options{})
	save(t, s, record("shared"))
	var running sync.WaitGroup
	for range processes {
		child := childOf(t, "increment", path)
		running.Go(func() {
			out, err := child.Output()
			assert.NoError(t, err, "%s", out)
		})
	}
	running.Wait()
	r, err := s.Load(t.Context(), "shared")
	require.NoError(t, err)
	assert.Equal(t, uint64(1+processes*increments), r.Revision)
}

// The steps in the life of a session, of which at 0 there is nothing.
const (
	created = 1 + iota
	refreshed
	enqueued
	completed
)

// churnUntilKilled takes one session after another through its life, and prints
// each step once it is done.
func churnUntilKilled(path string) error {
	ctx := context.Background()
	s, err := file.New(path, file.Options{})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		id := fmt.Sprintf("%d-%d", os.Getpid(), n)
		done := func(step int) { fmt.Println(id, step) }
		r, err := s.Save(ctx, record(id))
		if err != nil {
			return err
		}
		done(created)
		if _, err := s.Save(ctx, r); err != nil {
			return err
		}
		done(refreshed)
		revocation, err := s.DeleteAndEnqueue(ctx, id, 0)
		if err != nil {
			return err
		}
		done(enqueued)
		if err := s.Complete(ctx, revocation); err != nil {
			return err
		}
		done(completed)
	}
}

// A killed process leaves what the last call that returned has made of the
// session, or what the one under way would have made of it; and not the lock.
func TestKillLeavesTheSessionWhole(t *testing.T) {
	path := tempPath(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		id, step := churnAndKill(t, path, 1+random.IntN(60))
		s := newStore(t, path, file.Options{})
		now := stepOf(t, s, id)
		if step == completed { // and the next session may have begun
			assert.Equal(t, completed, now)
		} else {
			assert.Contains(t, []int{step, step + 1}, now, "session %s after step %d", id, step)
		}
		require.NoError(t, os.RemoveAll(path))
	}
}

// churnAndKill kills a process after so many steps, and returns the last.
func churnAndKill(t *testing.T, path string, steps int) (id string, step int) {
	t.Helper()
	child := childOf(t, "churn", path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		_, err := fmt.Sscan(lines.Text(), &id, &step)
		require.NoError(t, err)
		if n == steps {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.NoError(t, lines.Err())
	assert.Error(t, child.Wait())
	require.NotEmpty(t, id)
	return id, step
}

// stepOf tells from what is stored how far the session has come.
func stepOf(t *testing.T, s *file.Store, id string) int {
	t.Helper()
	r, err := s.Load(t.Context(), id)
	if err == nil {
		assert.Equal(t, record(id).Data, r.Data)
		return int(r.Revision)
	}
	require.ErrorIs(t, err, storage.ErrNotFound)
	revocations, err := s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	for _, d := range revocations {
		if d.Record.ID == id {
			return enqueued
		}
	}
	return completed
}
