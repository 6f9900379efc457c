//go:build !windows

package bolt

import (
	"syscall"

	bbolterrors "go.etcd.io/bbolt/errors"
)

// fullErrors say that there is no more room: on the disk, for the user, in a
// file of this process, in the bound set.
var fullErrors = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, bbolterrors.ErrMaxSizeReached}
