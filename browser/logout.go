package browser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
)

const (
	// defaultSilentTimeout is that of passport.Config.
	defaultSilentTimeout = 10 * time.Second

	// lookTimeout bounds what a logout does in the browser's storage besides
	// ending the session.
	lookTimeout = 5 * time.Second
)

// Logout signs the user out: it removes the app session, has its refresh token
// revoked, and ends the Passport session as Config.LogoutMode says. The other
// tabs are told. Calls that overlap are one logout.
//
// In mode passport.LogoutRedirect the page is being left for Logout.URL when it
// returns. Logout.Passport is passport.OutcomePending then, and known on the page that
// the browser comes back to; see [Passport.UnfinishedLogout].
//
// In mode passport.LogoutSilent the page stays, and the outcome is passport.OutcomeDone
// or passport.OutcomeUnconfirmed. Should the hidden iframe be refused or lost, Logout.Mode
// is passport.LogoutRedirect and the page is being left, or with
// passport.FallbackReport there is an error that says why, and Logout.URL is
// where the user can finish it.
//
// The app session is gone, or the error says that it is not, whatever the network
// does. That nobody was signed in is no error: the Passport session is ended all
// the same. The logout goes on when ctx is done; Close ends its wait.
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
	// First, for the page may be closed at any moment from now on, and a login
	// in another tab looks for it once it has begun its session.
	name := rand.Text()
	p.doubt(ctx, doubt{Logout: name})
	l, ended := p.endSession(ctx)
	p.doubt(ctx, doubt{Logout: name, Guard: l.State.Reveal(), URL: l.URL})
	if l.Mode == passport.LogoutSilent {
		return p.silently(ctx, name, l, ended)
	}
	return p.leave(l, ended)
}

// endSession ends the session that is there now, and no later one: should the
// storage not answer, the engine tries again until it does.
func (p *Passport) endSession(ctx context.Context) (passport.Logout, error) {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	id, unknown := p.sessions.currentOrLast(look)
	l, err := p.engine.EndSession(ctx, id)
	if unknown != nil && l.App == passport.OutcomeSkipped { // there may be another
		l.App = passport.OutcomeFailed
		err = errors.Join(err, unknown)
	}
	return l, err
}

// doubt notes that the Passport session may live on. That it cannot be noted must
// not keep anybody signed in.
func (p *Passport) doubt(ctx context.Context, d doubt) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	if err := p.unfinished.note(ctx, d); err != nil {
		p.log().WarnContext(ctx, "browser: a logout is not noted as unfinished, so the next login may ask for nothing", "error", err)
	}
}

// silently ends the Passport session in a hidden iframe. ended is what went wrong
// with the app session in the logout of that name, or nil.
func (p *Passport) silently(ctx context.Context, name string, l passport.Logout, ended error) (passport.Logout, error) {
	known, err := p.visit(ctx, l.URL)
	if err == nil {
		l.Passport = known
		if known == passport.OutcomeDone {
			err = p.unfinished.finish(ctx, name)
		}
		return l, errors.Join(ended, err)
	}
	if p.c.SilentFallback == passport.FallbackReport || ctx.Err() != nil {
		l.Passport = passport.OutcomeUnconfirmed
		return l, errors.Join(ended, err)
	}
	p.log().WarnContext(ctx, "browser: a silent logout goes on as a redirect", "error", err)
	l.Mode = passport.LogoutRedirect
	return p.leave(l, ended)
}

// leave sends the page to the auth domain.
func (p *Passport) leave(l passport.Logout, ended error) (passport.Logout, error) {
	if err := assign(l.URL); err != nil {
		l.Passport = passport.OutcomeUnconfirmed
		return l, errors.Join(ended, fmt.Errorf("browser: the page cannot be left for the logout, open Logout.URL instead: %w", err))
	}
	return l, ended
}

// settleReturn finds out what an iframe's return is worth.
func (p *Passport) settleReturn() {
	if u, err := authdomain.ParseHTTP(p.c.LogoutRedirectURI); err == nil {
		p.callback = authdomain.OriginOf(u)
	}
	// Names that differ may be one site's, but telling takes the list of public
	// suffixes.
	if p.c.Discover { // and LogoutURL would ask the provider
		return
	}
	if u, err := authdomain.ParseHTTP(p.engine.LogoutURL()); err == nil {
		p.sameHost = u.Scheme+":" == location("protocol") && u.Hostname() == location("hostname")
	}
}
