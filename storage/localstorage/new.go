package localstorage

import (
	"context"
	"errors"
	"fmt"

	"github.com/passport-go/passport/internal/dom"
	"github.com/passport-go/passport/storage"
)

var _ storage.Notifier = (*Store)(nil)

// New returns the store of the app and the auth domain that o names. It reads
// what is there, and waits for the browser to do so.
//
// An error says what is missing in o, or that the browser has no storage for the
// page: in a worker, in a sandboxed iframe, or because the user's settings forbid
// it. On platforms other than js/wasm it wraps errors.ErrUnsupported.
func New(o Options) (*Store, error) {
	if o.AuthenticationDomain == "" || o.ClientID == "" {
		return nil, errors.New("storage/localstorage: New: Options.AuthenticationDomain and Options.ClientID are required")
	}
	if dom.Window().Err() != nil {
		return nil, fmt.Errorf("storage/localstorage: New: this program does not run in a browser (GOOS=js GOARCH=wasm): %w", errors.ErrUnsupported)
	}
	var local localStorage
	if _, err := local.object(); err != nil {
		return nil, err
	}
	return newStore(context.Background(), o, local, newDatabase("passport-go:"+o.place()))
}
