//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing comes, as from a terminal or a pipe, until the user presses Ctrl-C.
func TestCtrlCEndsARead(t *testing.T) {
	silent, writer := io.Pipe()
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	t.Cleanup(func() { // lets the goroutine go on that waits for a writer
		f, err := os.OpenFile(pipe, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	})
	for _, args := range [][]string{{"verify"}, {"verify", "-config", pipe}, {"verify", pipe}, {"doctor", pipe}, {"doctor", "-ca", pipe}} {
		ctx, interrupt := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		in := io.Reader(silent)
		if len(args) > 1 {
			in = strings.NewReader(aToken)
		}
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, terminal{in: in, out: &out, err: &errs}, args) }()
		interrupt()
		select {
		case code := <-ended:
			assert.NotEqual(t, exitOK, code, args)
			assert.Contains(t, out.String()+errs.String(), "interrupted", args)
		case <-time.After(20 * time.Second):
			require.FailNow(t, "it goes on reading", args)
		}
	}
}
