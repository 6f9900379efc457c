//go:build !windows && !plan9

package privatefile

import "syscall"

var fullErrors = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}
