package postgrestest

import "syscall"

// endWithParent asks for the immediate shutdown of a server whose parent dies.
func endWithParent(attr *syscall.SysProcAttr) {
	attr.Pdeathsig = syscall.SIGQUIT
}
