package file

import (
	"errors"
	"os"
	"syscall"
	"time"
)

const errorSharingViolation = syscall.Errno(32)

// rename retries for a while, because Windows refuses to replace a file that is open:
// one of our readers has it open for a moment, a virus scanner for longer.
func rename(from, to string) error {
	const patience = 2 * time.Second
	begun := time.Now()
	for pause := time.Millisecond; ; pause *= 2 {
		err := os.Rename(from, to)
		if !errors.Is(err, syscall.ERROR_ACCESS_DENIED) && !errors.Is(err, errorSharingViolation) || time.Since(begun) > patience {
			return err
		}
		time.Sleep(pause)
	}
}
