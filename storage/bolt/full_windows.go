package bolt

import (
	"syscall"

	bbolterrors "go.etcd.io/bbolt/errors"
)

const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
)

// fullErrors say that there is no more room, on the disk or in the bound set.
var fullErrors = []error{errorHandleDiskFull, errorDiskFull, bbolterrors.ErrMaxSizeReached}
