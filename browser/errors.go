package browser

import (
	"errors"
	"fmt"
)

// Why a silent logout did not come to its end. Logout returns them, wrapped, if
// Config.SilentFallback is passport.FallbackReport. Each leaves the Passport
// session in doubt; the app session is gone.
var (
	// ErrBlocked: a Content-Security-Policy forbids the iframe. Its frame-src
	// must allow the auth domain and the origin of LogoutRedirectURI.
	ErrBlocked = errors.New("browser: the page's Content-Security-Policy forbids the iframe of a silent logout: let frame-src allow the auth domain and the origin of LogoutRedirectURI")

	// ErrRefused: a page came that is not the callback: an error page, or one
	// that may not be framed.
	ErrRefused = errors.New("browser: another page than the callback came in the iframe of a silent logout: check that LogoutRedirectURI is registered, and that LogoutSilentCallback is served there")

	// ErrTimeout: nothing came within Config.SilentTimeout.
	ErrTimeout = errors.New("browser: nothing came in the iframe of a silent logout")
)

func noBrowser(function string) error {
	return fmt.Errorf("browser: %s: this program does not run in a browser (GOOS=js GOARCH=wasm): %w", function, errors.ErrUnsupported)
}
