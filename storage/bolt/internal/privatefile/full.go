package privatefile

import (
	"errors"
	"slices"
)

// IsFull reports whether err says that there is no more room: on the disk, for
// the user, or in a file of this process.
func IsFull(err error) bool {
	return slices.ContainsFunc(fullErrors, func(full error) bool { return errors.Is(err, full) })
}
