//go:build !linux

package browsertest

import "os/exec"

// endWithParent does nothing where the kernel has no such service.
func endWithParent(*exec.Cmd) {}

func endGroup(command *exec.Cmd) { _ = command.Process.Kill() }
