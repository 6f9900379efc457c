package localstorage

import (
	"errors"
	"fmt"

	"github.com/passport-go/passport/internal/dom"
	"github.com/passport-go/passport/storage"
)

// explain says what an error of the browser's means for storage. The browser's
// own message does not quote what was to be stored.
func explain(err error) error {
	var refused *dom.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Name {
	case "":
		return errors.New("storage/localstorage: the browser gave no reason")
	case "QuotaExceededError":
		return fmt.Errorf("storage/localstorage: %w: the pages of the origin have used up its room, remove what they do not need (%s)", storage.ErrFull, refused.Message)
	case "SecurityError":
		return fmt.Errorf("storage/localstorage: the browser forbids storage here: allow cookies and site data for the site and, in an iframe with a sandbox, allow-same-origin (%s)", refused.Message)
	default:
		return fmt.Errorf("storage/localstorage: %s: %s", refused.Name, refused.Message)
	}
}

// handlers are functions that the browser calls, until they are released.
type handlers []handler

type handler struct {
	f      dom.Func
	target dom.Value
	name   string
}

func (h *handlers) on(target dom.Value, event string, do func()) error {
	f := dom.FuncOf(func([]dom.Value) { do() })
	*h = append(*h, handler{f, target, "on" + event})
	return target.Set("on"+event, f.Value())
}

// detach has the browser forget them, if it may still call one.
func (h handlers) detach() {
	for _, one := range h {
		_ = one.target.Set(one.name, nil)
	}
}

func (h handlers) release() {
	for _, one := range h {
		one.f.Release()
	}
}
