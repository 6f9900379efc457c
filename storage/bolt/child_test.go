package bolt_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// Some of what a store survives happens to a whole process. Such a test runs
// this test binary again, as one of these.
var children = map[string]func(path string) error{
	"lease": holdFile,
	"churn": churnUntilKilled,
}

const childVariable = "STORAGE_BOLT_TEST_CHILD"

func TestMain(m *testing.M) {
	child := children[os.Getenv(childVariable)]
	if child == nil {
		os.Exit(m.Run())
	}
	if err := child(os.Args[1]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// process is a child and the lines that it prints.
type process struct {
	*exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

// startChild starts a child on the file at path. It is gone when the test ends.
func startChild(t *testing.T, name, path string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, self, path)
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // an error if the test has waited, or has killed it
	})
	return &process{Cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
}

// line returns the next line that the child prints.
func (p *process) line(t *testing.T) string {
	t.Helper()
	require.True(t, p.lines.Scan(), "the child has ended")
	return p.lines.Text()
}
