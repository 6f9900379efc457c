//go:build !plan9

package privatefile

import "syscall"

var readOnlyErrors = []error{syscall.EROFS}
