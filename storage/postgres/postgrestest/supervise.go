//go:build unix

package postgrestest

import (
	"os/exec"
	"runtime"
)

// supervise starts cmd and reaps it. One thread does both: on Linux the kernel
// ends the server with the thread that started it, so a test binary that
// panics or is killed leaves no server behind.
func (s *Server) supervise(cmd *exec.Cmd) error {
	started := make(chan error)
	exited := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		endWithParent(cmd.SysProcAttr)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.exited = cmd.Process, exited
	return nil
}
