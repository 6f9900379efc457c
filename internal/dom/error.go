package dom

import "cmp"

// Error is what a script has thrown, or an API has failed with.
type Error struct {
	// Name is that of a DOMException or an Error, or empty.
	Name string

	// Message is the browser's own. It may quote an address with what is in it,
	// so Error leaves it out.
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	return "the browser refuses: " + cmp.Or(e.Name, "it gives no reason")
}
