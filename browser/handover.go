package browser

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/dom"
)

// handOverWithin is how long the page that opened a popup may take to answer. If it is
// only late, no harm is done: both pages then finish the same login.
const handOverWithin = time.Second

// isPopup reports whether this window is one that openPopup has opened.
func isPopup() bool {
	return strings.HasPrefix(window.Get("name").Text(), popupName) && atTop()
}

// handOver passes the parameters in the page's address to the page that opened this
// window, and closes the window. It reports false if nobody answers: that page has
// been reloaded, left or closed, and this one must go on by itself.
func handOver() bool {
	opener := window.Get("opener")
	if !isPopup() || !opener.True() {
		return false
	}
	taken := make(chan struct{}, 1)
	defer dom.Listen(window, "message", func(e dom.Value) {
		if e.Get("isTrusted").True() && e.Get("origin").Text() == location("origin") && e.Get("source").Is(opener) &&
			e.Get("data", "source").Text() == popupMessage && e.Get("data", "taken").True() {
			offer(taken, struct{}{})
		}
	})()
	message := map[string]any{"source": popupMessage, "query": location("search")}
	if opener.Call("postMessage", message, location("origin")).Err() != nil {
		return false
	}
	select {
	case <-taken:
		window.Call("close")
		return true
	case <-time.After(handOverWithin):
		return false
	}
}

// explainAlone explains a login that this window could not finish because it belongs
// to a page that is gone: to one in another site's frame, whose storage is separate.
func explainAlone(err error) error {
	if isPopup() && errors.Is(err, passport.ErrNoLogin) {
		return fmt.Errorf("browser: the page that opened this window does not wait for the login any more: close it, and sign in again in the game: %w", err)
	}
	return err
}
