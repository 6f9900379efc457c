package privatefile

import (
	"errors"
	"io/fs"
	"slices"
)

// IsReadOnly reports whether err says that this place cannot be written to.
func IsReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) ||
		slices.ContainsFunc(readOnlyErrors, func(readOnly error) bool { return errors.Is(err, readOnly) })
}
