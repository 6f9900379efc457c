package dom

import "github.com/passport-go/passport/internal/js"

// Failure is the error for an object such as a DOMException, or for nothing.
func Failure(thrown Value) error {
	if thrown.err != nil {
		return thrown.err
	}
	return failure(thrown.v)
}

func failure(thrown js.Value) error {
	v := Value{v: thrown}
	if !v.IsObject() {
		return &Error{}
	}
	// Either may throw in its turn.
	return &Error{Name: v.Get("name").Text(), Message: v.Get("message").Text()}
}
