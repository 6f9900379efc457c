package browser

import (
	"errors"
	"fmt"

	"github.com/passport-go/passport"
)

// Why a silent logout did not complete. Logout returns them, wrapped, unless it
// left the page as a fallback; see Config.SilentFallback. The app session has
// ended; whether the Passport session has is unknown.
var (
	// ErrBlocked: a Content-Security-Policy forbids the iframe. Its frame-src
	// must allow the auth domain and the origin of LogoutRedirectURI.
	ErrBlocked = errors.New("browser: the page's Content-Security-Policy forbids the iframe of a silent logout: let frame-src allow the auth domain and the origin of LogoutRedirectURI")

	// ErrRefused: the iframe showed a page other than the callback: an error page,
	// or one that may not be framed.
	ErrRefused = errors.New("browser: the iframe of a silent logout showed a page other than the callback: check that LogoutRedirectURI is registered, that LogoutSilentCallback is served there and, if the page is embedded, that the callback's frame-ancestors name every page around it")

	// ErrTimeout: no page arrived within Config.SilentTimeout.
	ErrTimeout = errors.New("browser: no page arrived in the iframe of a silent logout in time")

	// ErrIsolated: the page is cross-origin isolated, as games with threads are.
	// Its Cross-Origin-Embedder-Policy blocks the auth domain in iframes, and its
	// Cross-Origin-Opener-Policy disconnects popups. Login and a logout by redirect
	// work.
	ErrIsolated = errors.New("browser: the page is cross-origin isolated (Cross-Origin-Embedder-Policy), which keeps the auth domain out of iframes and popups: use Login and passport.LogoutRedirect, or serve the page that signs in and out without that header")
)

// Why a page was not left, or a window not opened.
var (
	// ErrEmbedded: the page is in another page's frame, as games in portals are,
	// where the auth domain's pages may not be shown. Use LoginPopup and
	// LogoutPopup.
	ErrEmbedded = errors.New("browser: the page is embedded in another one, where the auth domain's pages may not be shown: use LoginPopup or LogoutPopup")

	// ErrOffline: the auth domain cannot be reached: there is no network, or it
	// does not answer. The page is not left. The rest of a logout follows when it
	// can be reached again.
	ErrOffline = errors.New("browser: offline: the auth domain cannot be reached")

	// ErrPopupBlocked: the browser blocked the window. It allows windows only
	// during a click or key press and, in a sandboxed iframe, only with
	// allow-popups and allow-popups-to-escape-sandbox.
	ErrPopupBlocked = errors.New("browser: the popup is blocked: call from the handler of a click, or offer a link to the game's own page (target=_blank)")

	// ErrPopupClosed: the user closed the window, a page in it disconnected it with a
	// Cross-Origin-Opener-Policy, or a later call uses it: for a login after a logout,
	// or for the logout of a later session.
	ErrPopupClosed = errors.New("browser: the popup was closed before it came back")

	// ErrPopup: this page is the popup; the page that opened it continues. Do
	// nothing and show nothing.
	ErrPopup = errors.New("browser: this window is a popup, and the page that opened it continues")
)

var errNoState = fmt.Errorf("browser: the page's address has no state, so it is not the return from a login: %w", passport.ErrNoLogin)

func noBrowser(function string) error {
	return fmt.Errorf("browser: %s: this program does not run in a browser (GOOS=js GOARCH=wasm): %w", function, errors.ErrUnsupported)
}
