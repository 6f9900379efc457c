package redis

import (
	"errors"
	"fmt"
	"strings"

	"github.com/passport-go/passport/storage"
)

var errNoID = errors.New("storage/redis: Record.ID is empty")

// failure adds what failed to err. It does not change the errors of package storage,
// which are results rather than failures.
func failure(doing string, err error) error {
	switch {
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound):
		return err
	case isOutOfMemory(err):
		return fmt.Errorf("%w: the server has reached its maxmemory: %w", storage.ErrFull, err)
	case isMoving(err):
		return fmt.Errorf("storage/redis: %s: try again: the hash slot is moving to another node: %w", doing, err)
	}
	return fmt.Errorf("storage/redis: %s: %w", doing, err)
}

// isOutOfMemory searches the text: before Redis 7 a script's error contains that of
// the command.
func isOutOfMemory(err error) bool { return strings.Contains(err.Error(), "OOM command not allowed") }

func isMoving(err error) bool { return strings.Contains(err.Error(), "non local key") }
