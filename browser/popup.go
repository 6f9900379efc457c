package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/dom"
)

const (
	// popupName begins the name of a window that passes its parameters to the page
	// that opened it. A page in it can tell by the name, before it loads a program.
	popupName = "passport-popup-"

	// popupMessage is the source of that message, and of the answer to it.
	popupMessage = "passport-popup"

	// loginPurpose and logoutPurpose end the name.
	loginPurpose  = "login"
	logoutPurpose = "logout"

	popupFeatures = "popup,width=480,height=720"

	// closedPoll is how often to check whether the window is closed, and closedGrace
	// how long a message that it sent before may take to arrive.
	closedPoll  = 200 * time.Millisecond
	closedGrace = 2 * time.Second
)

// LoginPopup signs the user in in a separate window, and returns the session. The
// page stays as it is, so this also works for embedded pages, such as a game in a
// portal.
//
// Call it from the handler of a click (in a goroutine, at once), because browsers
// block windows that open at other times: ErrPopupBlocked. Config.RedirectURI must
// be on the page's origin; LoginCallback in the window passes the login on and
// closes the window. If the page is reloaded or left meanwhile, LoginCallback finishes
// the login in the window, and the page can learn of it from [Passport.AwaitSession].
//
// Concurrent calls, as after a double click, are one login, with the options of the
// first, unless a logout came between them. Each waits until its ctx is done. When
// nobody waits any more, the window is closed.
//
// Other errors: ErrPopupClosed, ErrOffline, ErrIsolated, passport.ErrClosed after
// Close, and those of Login and of LoginCallback. If the user has signed in by then in
// another way, such as in another tab, a window that was closed is not an error.
func (p *Passport) LoginPopup(ctx context.Context, o passport.LoginOptions) (*passport.Session, error) {
	opened, err := p.openPopup(loginPurpose, p.c.RedirectURI)
	if err != nil {
		return nil, err
	}
	left := p.leftAt.Load()
	_, err = p.loginPopups.do(ctx, p, opened, popupJob[struct{}]{
		begin: func() {},
		stale: func() bool { return p.leftAt.Load() != left }, // a logout has stopped this login
		work: func(ctx context.Context, w *popup) (struct{}, error) {
			return struct{}{}, p.loginIn(ctx, w, o)
		},
	})
	if err != nil {
		return nil, err
	}
	return p.Session(ctx)
}

// loginIn signs the user in in the window.
func (p *Passport) loginIn(ctx context.Context, w *popup, o passport.LoginOptions) error {
	if err := p.reach(ctx); err != nil {
		return err
	}
	before, err := p.sessions.secret(ctx)
	if err != nil {
		return err
	}
	address, begun, err := p.beginLogin(ctx, o)
	if err != nil {
		return err
	}
	values, err := w.visit(ctx, address, begun.IsLoginReturn)
	if errors.Is(err, ErrPopupClosed) && p.hasOtherSession(ctx, before) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = p.finishLogin(context.WithoutCancel(ctx), values)
	return err
}

// hasOtherSession reports whether there is a session, and not the one with the secret
// before. A window that a Cross-Origin-Opener-Policy has disconnected finishes its login
// itself.
func (p *Passport) hasOtherSession(ctx context.Context, before passport.Secret) bool {
	is, err := p.sessions.secret(ctx)
	return err == nil && is != "" && is != before
}

// LogoutPopup signs the user out as Logout does, and ends the Passport session in a
// separate window, which returns to Config.LogoutRedirectURI. Use it in embedded
// pages, where a hidden iframe does not get the auth domain's cookie. Like
// LoginPopup, call it from the handler of a click.
//
// It returns when the window has come back or was closed, or when ctx is done. Unless
// the error says otherwise, the app session has ended, whatever happens to the window.
// Logout.Passport is passport.OutcomeDone if it came back, and unconfirmed from a provider
// that returns no state. Otherwise it is unconfirmed, with an error as for LoginPopup, and
// the user can finish the logout at Logout.URL. At a provider without an end-session
// endpoint, that is empty, and the window closes at once, without an error.
//
// Concurrent calls are one logout, unless somebody has signed in between them. If one
// call's ctx is done while others still wait, it returns that error and no more.
func (p *Passport) LogoutPopup(ctx context.Context) (passport.Logout, error) {
	opened, blocked := p.openPopup(logoutPurpose, p.c.LogoutRedirectURI)
	name := p.newLogout()
	var taken bool
	var left string
	return p.logoutPopups.do(ctx, p, opened, popupJob[passport.Logout]{
		begin: func() {
			taken = p.takeSession(name)
			left = p.item() // if it cannot be removed
		},
		stale: func() bool { is := p.item(); return is != "" && is != left },
		work: func(ctx context.Context, w *popup) (passport.Logout, error) {
			l, ended := p.signOut(context.WithoutCancel(ctx), name, taken)
			if leadsNowhere(l) {
				return p.stay(ctx, l, ended)
			}
			l.Mode, l.Passport = passport.LogoutRedirect, passport.OutcomeUnconfirmed
			if blocked != nil {
				return l, errors.Join(ended, blocked)
			}
			outcome, err := p.logoutIn(ctx, w, l)
			l.Passport = cmp.Or(outcome, l.Passport)
			return l, errors.Join(ended, err)
		},
	})
}

// logoutIn ends the Passport session in the window, and returns what is then known about
// it, or "".
func (p *Passport) logoutIn(ctx context.Context, w *popup, l passport.Logout) (passport.Outcome, error) {
	if err := p.reach(ctx); err != nil {
		return "", err
	}
	outcome, err := p.visitLogout(ctx, w, l)
	if errors.Is(err, ErrPopupClosed) && p.hasFinished(ctx, l) {
		return passport.OutcomeDone, nil
	}
	return outcome, err
}

// hasFinished reports whether this logout, and not an earlier one, is known to have ended
// the Passport session: a window that a Cross-Origin-Opener-Policy has disconnected
// records its return itself.
func (p *Passport) hasFinished(ctx context.Context, l passport.Logout) bool {
	s, err := p.state.load(ctx)
	return err == nil && s.Finished && l.State != "" && s.Logout == l.State.Reveal()
}

// visitLogout visits l.URL in the window, and returns what its return proves. An error
// with an outcome: it could not be stored.
func (p *Passport) visitLogout(ctx context.Context, w *popup, l passport.Logout) (outcome passport.Outcome, err error) {
	var unstored error
	_, err = w.visit(ctx, l.URL, func(values url.Values) bool {
		returned, err := p.checkReturn(context.WithoutCancel(ctx), state{Logout: l.State.Reveal()}, values)
		if returned == passport.OutcomePending && p.c.Discover && !values.Has("state") { // not every provider returns it
			returned = passport.OutcomeUnconfirmed
		}
		if returned == passport.OutcomePending {
			return false
		}
		outcome, unstored = returned, err
		return true
	})
	return outcome, errors.Join(err, unstored)
}

// popup is a window that this page has opened. If the user closes it and clicks again,
// it is the next one.
type popup struct {
	mu     sync.Mutex
	window dom.Value
}

// openPopup opens a window at once, while the user's gesture counts, or shows the one
// that is still open for the same purpose. returnTo, where it comes back, must be on
// this page's origin.
func (p *Passport) openPopup(purpose, returnTo string) (dom.Value, error) {
	if window.Get("crossOriginIsolated").True() {
		return dom.Value{}, ErrIsolated
	}
	if u, err := authdomain.ParseHTTP(returnTo); err != nil || authdomain.OriginOf(u) != location("origin") {
		return dom.Value{}, fmt.Errorf("browser: a popup comes back to the page that opened it only on one origin: Config.RedirectURI and LogoutRedirectURI must be on %s", location("origin"))
	}
	opened := window.Call("open", "", p.popup+"-"+purpose, popupFeatures)
	if !opened.True() {
		return dom.Value{}, ErrPopupBlocked
	}
	opened.Call("focus") // not every browser does so for a window that was open
	return opened, nil
}

// use makes opened the window, if there is one.
func (w *popup) use(opened dom.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if opened.True() {
		w.window = opened
	}
}

func (w *popup) get() dom.Value {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.window
}

func (w *popup) close() { w.get().Call("close") }

// visit navigates the window to an address, and waits until it passes on parameters
// that wanted accepts.
func (w *popup) visit(ctx context.Context, address string, wanted func(url.Values) bool) (url.Values, error) {
	handed := make(chan url.Values, 1)
	defer dom.Listen(window, "message", func(e dom.Value) {
		if e.Get("isTrusted").True() && e.Get("origin").Text() == location("origin") && e.Get("source").Is(w.get()) &&
			e.Get("data", "source").Text() == popupMessage {
			if values, err := url.ParseQuery(strings.TrimPrefix(e.Get("data", "query").Text(), "?")); err == nil {
				offer(handed, values)
			}
		}
	})()
	look := time.NewTicker(closedPoll)
	defer look.Stop()
	var shown dom.Value
	var closed <-chan time.Time
	for {
		if is := w.get(); !is.Is(shown) {
			if err := is.Get("location").Call("replace", address).Err(); err != nil {
				return nil, fmt.Errorf("browser: the popup cannot show the auth domain: %w", err)
			}
			shown, closed = is, nil
		}
		select {
		case values := <-handed:
			if wanted(values) {
				shown.Call("postMessage", map[string]any{"source": popupMessage, "taken": true}, location("origin"))
				return values, nil
			}
		case <-look.C:
			if closed == nil && shown.Get("closed").True() {
				closed = time.After(closedGrace)
			}
		case <-closed:
			if len(handed) == 0 {
				return nil, ErrPopupClosed
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
