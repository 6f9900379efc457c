package browser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/logoutstate"
)

// stateTimeout bounds what a logout does in the browser's storage besides ending
// the session.
const stateTimeout = 5 * time.Second

// Logout signs the user out: it removes the app session, revokes its refresh token,
// and ends the Passport session as Config.LogoutMode says. It notifies the other
// tabs. Concurrent calls are one logout.
//
// In mode passport.LogoutRedirect the page is being left for Logout.URL when it
// returns. Logout.Passport is then passport.OutcomePending; the page to which the
// browser comes back knows the outcome, see [Passport.UnfinishedLogout].
//
// In mode passport.LogoutSilent the page stays, and the outcome is
// passport.OutcomeDone or passport.OutcomeUnconfirmed. If the hidden iframe is
// refused or lost, Logout.Mode is passport.LogoutRedirect and the page is being
// left; with passport.FallbackReport, the error says why, and the user can finish
// the logout at Logout.URL.
//
// A discovered provider that has no end-session endpoint leads nowhere: a silent logout is
// passport.OutcomeUnconfirmed and its Logout.URL is empty, and a logout by redirect goes
// straight to Config.LogoutRedirectURI.
//
// Logout never leaves an embedded page, nor any page while the auth domain cannot
// be reached: it returns ErrEmbedded or ErrOffline. A silent logout that was
// offline is retried when the network is back.
//
// The app session ends as soon as Logout is called, even if the page is left in the
// next moment; the next page does the rest. If it could not be ended, Logout.App is
// passport.OutcomeFailed and there is an error. If nobody was signed in, the
// Passport session is still ended, without an error. The logout continues when ctx
// is done; Close stops its wait.
func (p *Passport) Logout(ctx context.Context) (passport.Logout, error) {
	done := p.logouts.DoChan("", func() (any, error) {
		p.work.Add(1)
		defer p.work.Done()
		return p.logout(p.life)
	})
	select {
	case r := <-done:
		return r.Val.(passport.Logout), r.Err
	case <-ctx.Done():
		return passport.Logout{}, ctx.Err()
	}
}

func (p *Passport) logout(ctx context.Context) (passport.Logout, error) {
	name := p.newLogout()
	taken := p.takeSession(name)
	silent := p.c.LogoutMode == passport.LogoutSilent
	var v *visit
	if silent && !p.c.Discover { // otherwise the URL depends on the session
		v = p.newVisit(p.engine.LogoutURL())
	}
	l, ended := p.signOut(ctx, name, taken)
	if !silent {
		return p.leave(ctx, l, ended)
	}
	if v == nil && leadsNowhere(l) {
		return p.stay(ctx, l, ended)
	}
	if v == nil {
		v = p.newVisit(l.URL)
	}
	return p.silently(ctx, l, ended, v)
}

// takeSession ends the session at once, without waiting for anything, and reports
// whether it could.
func (p *Passport) takeSession(name string) bool {
	p.leaving.Store(name)
	p.leftAt.Store(time.Now())
	if err := p.sessions.SignOut(name); err != nil {
		p.c.Logger.Warn("browser: the session cannot be ended at once", "error", err)
		return false
	}
	return true
}

// newLogout returns the name of a logout until the engine has given it a State.
func (p *Passport) newLogout() string { return logoutstate.New("", p.c.Now()) }

// signOut ends the current session, and no later one. If the storage does not answer,
// the engine retries until it does. name is the logout's, and taken the result of
// takeSession.
func (p *Passport) signOut(ctx context.Context, name string, taken bool) (passport.Logout, error) {
	noted := make(chan struct{})
	p.work.Go(func() { // while the auth domain takes its time over the revocation
		defer close(noted)
		p.note(ctx, "a logout is not noted as unfinished, so the next login may ask for nothing", func(ctx context.Context) error {
			if err := p.stopLogins(ctx, name); err != nil {
				return err
			}
			return p.sessions.noted(name)
		})
	})
	l, err := p.endSession(ctx, taken)
	<-noted
	p.leaving.CompareAndSwap(name, "") // if something failed, makeUp does it
	if l.Revocation == passport.OutcomePending {
		p.note(ctx, "the next page may not be able to revoke the refresh token", p.keepKey)
	}
	p.note(ctx, "a logout's return will not be recognised", func(ctx context.Context) error {
		return p.state.ofLogout(ctx, name, func(s *state) { s.Logout, s.Provisional = l.State.Reveal(), name })
	})
	return l, err
}

// stopLogins notes a logout, and stops the logins that began before it, in any tab and
// at any stage. Only what the engine has stopped is forgotten.
func (p *Passport) stopLogins(ctx context.Context, name string) error {
	var stopped []string
	for {
		var open []string
		err := p.state.update(ctx, func(now *state) {
			switch {
			case now.notes(name):
			case len(now.Logins) == 0, slices.Equal(now.Logins, stopped):
				*now = state{Logout: name}
			default:
				open = now.Logins
			}
		})
		if err != nil || open == nil {
			return err
		}
		if _, _, err := p.engine.EndBrowserSession(ctx, passport.BrowserState{Logins: state{Logins: open}.browser().Logins}); err != nil {
			return err
		}
		stopped = open
	}
}

func (p *Passport) endSession(ctx context.Context, taken bool) (passport.Logout, error) {
	if !taken {
		return p.endStored(ctx)
	}
	l, err := p.engine.EndSession(ctx, p.sessions.takenID())
	if err == nil {
		return l, nil
	}
	// The session has already been removed from its place. The next page, or a retry
	// of the engine, does the rest.
	p.c.Logger.WarnContext(ctx, "browser: the end of a session could not be noted yet", "error", err)
	l.App, l.Revocation = passport.OutcomeDone, passport.OutcomePending
	return l, nil
}

// endStored ends the session in its place, when takeSession could not.
func (p *Passport) endStored(ctx context.Context) (passport.Logout, error) {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), stateTimeout)
	defer cancel()
	id, unknown := p.sessions.currentOrLast(look)
	l, err := p.engine.EndSession(ctx, id)
	if unknown != nil && l.App == passport.OutcomeSkipped { // there may be another session
		l.App = passport.OutcomeFailed
		err = errors.Join(err, unknown)
	}
	return l, err
}

// note stores something. It only logs an error, which must not keep anybody signed in.
func (p *Passport) note(ctx context.Context, otherwise string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stateTimeout)
	defer cancel()
	if err := do(ctx); err != nil {
		p.c.Logger.WarnContext(ctx, "browser: "+otherwise, "error", err)
	}
}

// silently ends the Passport session in a hidden iframe. ended is the error of ending
// the app session, or nil.
func (p *Passport) silently(ctx context.Context, l passport.Logout, ended error, v *visit) (passport.Logout, error) {
	known, err := v.wait(ctx)
	if err == nil {
		l.Passport = known
		if known == passport.OutcomeDone {
			err = p.state.finish(ctx, l.State.Reveal())
		}
		return l, errors.Join(ended, err)
	}
	l.Passport = passport.OutcomeUnconfirmed
	if ctx.Err() != nil {
		return l, errors.Join(ended, err)
	}
	if offline := p.noteOffline(ctx, l); offline != nil {
		return l, errors.Join(ended, offline)
	}
	if p.c.SilentFallback == passport.FallbackReport || !atTop() {
		return l, errors.Join(ended, err)
	}
	p.c.Logger.WarnContext(ctx, "browser: a silent logout continues as a redirect", "error", err)
	return p.leave(ctx, l, ended)
}

// noteOffline returns ErrOffline if the auth domain cannot be reached, and has the logout
// tried again when it can.
func (p *Passport) noteOffline(ctx context.Context, l passport.Logout) error {
	offline := p.reach(ctx)
	if offline != nil {
		p.note(ctx, "a logout is not tried again when the network is back", func(ctx context.Context) error {
			return p.state.ofLogout(ctx, l.State.Reveal(), func(s *state) { s.Offline = true })
		})
	}
	return offline
}

// leadsNowhere reports whether a discovered provider has no end-session endpoint, or could
// not be asked for it. Logout.URL is then a page of the site, and l is as the engine has
// returned it.
func leadsNowhere(l passport.Logout) bool { return l.Passport == passport.OutcomeUnconfirmed }

// stay ends a logout that leads nowhere, without leaving the page.
func (p *Passport) stay(ctx context.Context, l passport.Logout, ended error) (passport.Logout, error) {
	l.Mode, l.URL = p.c.LogoutMode, ""
	return l, errors.Join(ended, p.noteOffline(ctx, l))
}

// leave navigates the page to the auth domain.
func (p *Passport) leave(ctx context.Context, l passport.Logout, ended error) (passport.Logout, error) {
	err := p.mayLeave(ctx, l)
	if err == nil {
		if err = assign(l.URL); err != nil {
			err = fmt.Errorf("browser: the page cannot navigate to the logout: open Logout.URL instead: %w", err)
		}
	}
	if err != nil {
		l.Passport = passport.OutcomeUnconfirmed
		return l, errors.Join(ended, err)
	}
	l.Mode, l.Passport = passport.LogoutRedirect, passport.OutcomePending
	return l, ended
}

// mayLeave returns why the page must stay, or nil.
func (p *Passport) mayLeave(ctx context.Context, l passport.Logout) error {
	if !atTop() {
		return ErrEmbedded
	}
	if l.Revocation == passport.OutcomeDone { // the auth domain has just responded
		return nil
	}
	return p.reach(ctx)
}

// knowCallback finds out what the return of an iframe proves.
func (p *Passport) knowCallback() {
	if u, err := authdomain.ParseHTTP(p.c.LogoutRedirectURI); err == nil {
		p.callback = authdomain.OriginOf(u)
	}
	// Different hosts may be the same site, but only the Public Suffix List tells.
	if p.c.Discover { // and LogoutURL would ask the provider
		return
	}
	if u, err := authdomain.ParseHTTP(p.engine.LogoutURL()); err == nil {
		p.sameHost = u.Scheme+":" == location("protocol") && u.Hostname() == location("hostname")
	}
}
