// Package storeanswer tells a store that says no from one that could not answer.
package storeanswer

import (
	"errors"
	"slices"

	"github.com/passport-go/passport/storage"
)

var answers = []error{
	storage.ErrNotFound, storage.ErrConflict, storage.ErrFull, storage.ErrNotReplicated, storage.ErrEmptyMatch,
	errors.ErrUnsupported, // of a wrapper that has a method which the wrapped store lacks
}

// Is reports whether a store that returned err has answered, even if the answer is no:
// another attempt, or another server, would not have been told more.
func Is(err error) bool {
	return err == nil || slices.ContainsFunc(answers, func(answer error) bool { return errors.Is(err, answer) })
}
