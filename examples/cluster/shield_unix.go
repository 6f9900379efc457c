//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// shield keeps Ctrl-C from reaching the command: it would be gone before those
// who need it have come to their end.
func shield(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
