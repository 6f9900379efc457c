package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/dom"
)

// handOverWithin is how long the page that opened a popup may take to answer. If it is
// only late, no harm is done: both pages then finish the same login.
const handOverWithin = time.Second

// aloneName is the name of a popup in which a script, before it loaded the program, has
// found out that nobody answers.
const aloneName = "passport-alone"

// isAlone says that this window was a popup, and that nobody has answered.
var isAlone atomic.Bool

// isPopup reports whether this window is one that openPopup has opened.
func isPopup() bool {
	return strings.HasPrefix(window.Get("name").Text(), popupName) && atTop()
}

// isLogoutPopup reports whether this window is one of LogoutPopup. Some providers, such as
// Amazon Cognito, return from a logout without a state.
func isLogoutPopup() bool {
	return isPopup() && strings.HasSuffix(window.Get("name").Text(), "-"+logoutPurpose)
}

// handOver passes the parameters in the page's address to the page that opened this
// window, closes the window and returns ErrPopup, or why it does not wait for an answer:
// ctx is done. Without an error the caller goes on by itself. Either this window is no
// popup, or it is none any more because that page has been reloaded, left or closed.
func handOver(ctx context.Context) error {
	if window.Get("name").Text() == aloneName {
		stayAlone()
		return nil
	}
	opener := window.Get("opener")
	if !isPopup() {
		return nil
	}
	taken := make(chan struct{}, 1)
	defer dom.Listen(window, "message", func(e dom.Value) {
		if e.Get("isTrusted").True() && e.Get("origin").Text() == location("origin") && e.Get("source").Is(opener) &&
			e.Get("data", "source").Text() == popupMessage && e.Get("data", "taken").True() {
			offer(taken, struct{}{})
		}
	})()
	message := map[string]any{"source": popupMessage, "query": location("search")}
	if !opener.True() || opener.Call("postMessage", message, location("origin")).Err() != nil {
		stayAlone()
		return nil
	}
	select {
	case <-taken:
		window.Call("close")
		return ErrPopup
	case <-time.After(handOverWithin):
		stayAlone()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stayAlone makes a popup a window like any other, so that no later page in it waits.
func stayAlone() {
	isAlone.Store(true)
	_ = window.Set("name", "")
}

// explainAlone explains a login that this window could not finish because it belongs
// to a page that is gone: to one in another site's frame, whose storage is separate.
func explainAlone(err error) error {
	if isAlone.Load() && errors.Is(err, passport.ErrNoLogin) {
		return fmt.Errorf("browser: the page that opened this window does not wait for the login any more: close it, and sign in again in the game: %w", err)
	}
	return err
}
