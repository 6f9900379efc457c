package browser

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
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
// closes the window. ctx bounds the wait for the user; the window is closed when
// ctx is done. If the page is reloaded or left meanwhile, LoginCallback finishes the
// login in the window, and the page can learn of it from [Passport.AwaitSession].
// A second call, as after a double click, continues in the same window.
//
// Other errors: ErrPopupClosed, ErrOffline, ErrIsolated, and those of Login and of
// LoginCallback. If the user has signed in by then in another way, such as in another
// tab, a window that was closed is no error.
func (p *Passport) LoginPopup(ctx context.Context, o passport.LoginOptions) (*passport.Session, error) {
	w, err := p.openPopup(p.c.RedirectURI)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := p.reach(ctx); err != nil {
		return nil, err
	}
	before, err := p.sessions.secret(ctx)
	if err != nil {
		return nil, err
	}
	address, begun, err := p.beginLogin(ctx, o)
	if err != nil {
		return nil, err
	}
	values, err := w.visit(ctx, address, begun.IsLoginReturn)
	if errors.Is(err, ErrPopupClosed) {
		return p.otherSession(ctx, before, err)
	}
	if err != nil {
		return nil, err
	}
	if _, err := p.finishLogin(context.WithoutCancel(ctx), values); err != nil {
		return nil, err
	}
	return p.Session(ctx)
}

// otherSession returns the session if it is not the one with the secret before, and else
// otherwise. A window that a Cross-Origin-Opener-Policy has disconnected finishes its
// login itself.
func (p *Passport) otherSession(ctx context.Context, before passport.Secret, otherwise error) (*passport.Session, error) {
	if is, err := p.sessions.secret(ctx); err != nil || is == "" || is == before {
		return nil, otherwise
	}
	return p.Session(ctx)
}

// LogoutPopup signs the user out as Logout does, and ends the Passport session in a
// separate window, which returns to Config.LogoutRedirectURI. Use it in embedded
// pages, where a hidden iframe does not get the auth domain's cookie. Like
// LoginPopup, call it from the handler of a click.
//
// Unless the error says otherwise, the app session has ended, whatever happens to
// the window. Logout.Passport is passport.OutcomeDone if it came back. Otherwise it is
// unconfirmed, with an error as for LoginPopup, and the user can finish the logout at
// Logout.URL.
func (p *Passport) LogoutPopup(ctx context.Context) (passport.Logout, error) {
	w, blocked := p.openPopup(p.c.LogoutRedirectURI)
	if blocked == nil {
		defer w.close()
	}
	p.work.Add(1)
	defer p.work.Done()
	name := p.newLogout()
	l, ended := p.signOut(context.WithoutCancel(ctx), name, p.takeSession(name))
	l.Mode, l.Passport = passport.LogoutRedirect, passport.OutcomeUnconfirmed
	if blocked != nil {
		return l, errors.Join(ended, blocked)
	}
	if err := p.reach(ctx); err != nil {
		return l, errors.Join(ended, err)
	}
	outcome, err := p.visitLogout(ctx, w, l)
	if errors.Is(err, ErrPopupClosed) && p.hasFinished(ctx) {
		outcome, err = passport.OutcomeDone, nil
	}
	l.Passport = cmp.Or(outcome, l.Passport)
	return l, errors.Join(ended, err)
}

// hasFinished reports whether the last logout is known to have ended the Passport
// session: a later one, in the same window, or one in another tab.
func (p *Passport) hasFinished(ctx context.Context) bool {
	s, err := p.lastState(ctx)
	return err == nil && s.Finished
}

// visitLogout visits l.URL in the window, and returns what its return proves. An error
// with an outcome: it could not be stored.
func (p *Passport) visitLogout(ctx context.Context, w *popup, l passport.Logout) (outcome passport.Outcome, err error) {
	var unstored error
	_, err = w.visit(ctx, l.URL, func(values url.Values) bool {
		returned, err := p.checkReturn(context.WithoutCancel(ctx), state{Logout: l.State.Reveal()}, values)
		if returned == passport.OutcomePending {
			return false
		}
		outcome, unstored = returned, err
		return true
	})
	return outcome, errors.Join(err, unstored)
}

// popup is a window that this page has opened.
type popup struct{ window dom.Value }

// openPopup opens a window at once, while the user's gesture counts. returnTo, where it
// comes back, must be on this page's origin. A window that is still open, as after a
// double click, is used again; the call that opened it ends when it is closed.
func (p *Passport) openPopup(returnTo string) (*popup, error) {
	if window.Get("crossOriginIsolated").True() {
		return nil, ErrIsolated
	}
	if u, err := authdomain.ParseHTTP(returnTo); err != nil || authdomain.OriginOf(u) != location("origin") {
		return nil, fmt.Errorf("browser: a popup comes back to the page that opened it only on one origin: Config.RedirectURI and LogoutRedirectURI must be on %s", location("origin"))
	}
	opened := window.Call("open", "", p.popup, popupFeatures)
	if !opened.True() {
		return nil, ErrPopupBlocked
	}
	return &popup{opened}, nil
}

func (w *popup) close() { w.window.Call("close") }

// visit navigates the window to an address, and waits until it passes on parameters
// that wanted accepts.
func (w *popup) visit(ctx context.Context, address string, wanted func(url.Values) bool) (url.Values, error) {
	handed := make(chan url.Values, 1)
	defer dom.Listen(window, "message", func(e dom.Value) {
		if e.Get("isTrusted").True() && e.Get("origin").Text() == location("origin") && e.Get("source").Is(w.window) &&
			e.Get("data", "source").Text() == popupMessage {
			if values, err := url.ParseQuery(strings.TrimPrefix(e.Get("data", "query").Text(), "?")); err == nil {
				offer(handed, values)
			}
		}
	})()
	if err := w.window.Get("location").Call("replace", address).Err(); err != nil {
		return nil, fmt.Errorf("browser: the popup cannot show the auth domain: %w", err)
	}
	look := time.NewTicker(closedPoll)
	defer look.Stop()
	var closed <-chan time.Time
	for {
		select {
		case values := <-handed:
			if wanted(values) {
				w.window.Call("postMessage", map[string]any{"source": popupMessage, "taken": true}, location("origin"))
				return values, nil
			}
		case <-look.C:
			if closed == nil && w.window.Get("closed").True() {
				closed = time.After(closedGrace)
			}
		case <-closed:
			if len(handed) == 0 {
				return nil, ErrPopupClosed
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
