// Package marks keeps what a logout leaves behind for those who come later: the
// bearer tokens that it ended, and the logins that it overtook.
package marks

import (
	"errors"

	"github.com/passport-go/passport/storage"
)

// missing is the error of a look-up for a mark: that there is none is not one.
func missing(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}
