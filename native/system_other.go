//go:build !unix && !windows

package native

import "syscall"

func apart() *syscall.SysProcAttr { return nil }

func taken(error) bool { return false }
