package browser

import (
	"context"
	"errors"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/dom"
	"github.com/passport-go/passport/storage"
)

const (
	// recheck is how often to check whether a script of this page has changed the
	// session, since the browser notifies only other pages. recheckSoon is how often
	// for a while after a logout, when a response that a script is waiting for may
	// bring the session back.
	recheck     = time.Second
	recheckSoon = 50 * time.Millisecond
	soon        = 15 * time.Second

	// settleWithin is how long the page of a logout may take to record it.
	settleWithin = 5 * time.Second
)

// makeUp records a logout that its page could not, because it was left or the storage
// failed. It leaves one alone that this page is still recording.
func (p *Passport) makeUp(ctx context.Context) error {
	name, _, err := p.sessions.PendingSignOut()
	if err != nil || name == "" || p.leaving.Load() == name {
		return err
	}
	if err := p.stopLogins(ctx, name); err != nil {
		return err
	}
	const lease = time.Nanosecond // for whoever claims next
	_, err = p.sessions.CompleteSignOut(ctx, p.sessions.taken, lease)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return p.sessions.ForgetSignOut(name)
}

// watch keeps the page up to date until the Passport is closed: it ends a session again
// that the JavaScript SDK writes back after its end, completes the logout of a page that
// was left, and retries a silent logout that was offline.
func (p *Passport) watch() {
	changed, online := make(chan struct{}, 1), make(chan struct{}, 1)
	defer dom.Listen(window, "storage", func(dom.Value) { offer(changed, struct{}{}) })()
	defer dom.Listen(window, "pageshow", func(dom.Value) { offer(changed, struct{}{}) })() // by the back button
	defer dom.Listen(window, "online", func(dom.Value) { offer(online, struct{}{}) })()
	seen := p.item()
	for {
		timer := time.NewTimer(p.recheckAfter())
		select {
		case <-changed:
		case <-timer.C:
		case <-online:
			p.finishOffline(p.life)
		case <-p.life.Done():
			timer.Stop()
			return
		}
		timer.Stop()
		p.makeUpLate(p.life)
		if is := p.item(); is != seen || is != "" && p.hasJustLeft() {
			seen = p.takeIn(p.life)
		}
	}
}

// item returns the session in its place, or "" if it cannot be read.
func (p *Passport) item() string {
	item, err := p.sessions.Item()
	if err != nil {
		return ""
	}
	return item
}

// takeIn makes the store look at what another script has stored as the session, and the
// engine start on the work that results. It returns what need not be looked at again. If
// there is no session, that is nothing: what has just been ended may have been written
// back meanwhile, to the letter.
func (p *Passport) takeIn(ctx context.Context) (seen string) {
	_, err := p.Session(ctx)
	if errors.Is(err, passport.ErrNoSession) {
		return ""
	}
	if err != nil {
		p.c.Logger.Warn("browser: the session could not be looked up", "error", err)
	}
	return p.item()
}

func (p *Passport) recheckAfter() time.Duration {
	if p.hasJustLeft() {
		return recheckSoon
	}
	return recheck
}

// hasJustLeft reports whether this page has logged out a while ago. Then what is in the
// session's place may be the same as before, to the letter, and another matter.
func (p *Passport) hasJustLeft() bool {
	ended, ok := p.leftAt.Load().(time.Time)
	return ok && time.Since(ended) < soon
}

// makeUpLate is makeUp for an open page. It first gives the page of the logout, in
// another tab, time to finish.
func (p *Passport) makeUpLate(ctx context.Context) {
	name, at, err := p.sessions.PendingSignOut()
	if err != nil || name == "" || p.c.Now().Sub(at).Abs() < settleWithin {
		return
	}
	if err := p.makeUp(ctx); err != nil {
		p.c.Logger.Warn("browser: a logout could not be completed", "error", err)
	}
}

// finishOffline visits the auth domain for a silent logout that was offline.
func (p *Passport) finishOffline(ctx context.Context) {
	s, err := p.state.load(ctx)
	if err != nil || !s.Offline || s.Finished || p.c.LogoutMode != passport.LogoutSilent || p.reach(ctx) != nil {
		return
	}
	l, unfinished := p.unfinished(ctx, s)
	if !unfinished || l.URL == "" {
		return
	}
	known, err := p.newVisit(l.URL).wait(ctx)
	if err != nil {
		p.c.Logger.Warn("browser: a logout that was offline is not finished yet", "error", err)
		return
	}
	p.note(ctx, "the end of a logout is not noted", func(ctx context.Context) error {
		if known == passport.OutcomeDone {
			return p.state.finish(ctx, s.Logout)
		}
		return p.state.ofLogout(ctx, s.Logout, func(s *state) { s.Offline = false })
	})
}
