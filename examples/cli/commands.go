package main

import (
	"context"
	"errors"
	"time"

	"github.com/passport-go/passport"
)

// self is how the program is called in its hints.
const self = "go run ./examples/cli"

func (p *program) login(ctx context.Context) error {
	if err := p.reachStandIn(ctx); err != nil {
		return err
	}
	session, err := p.p.Login(ctx, passport.LoginOptions{})
	if errors.Is(err, context.Canceled) {
		p.tell("Where there is no browser, sign in by a code: %s login --device\n", self)
	}
	if err != nil {
		return err
	}
	return p.welcome(ctx, session)
}

func (p *program) loginWithDevice(ctx context.Context) error {
	if err := p.reachStandIn(ctx); err != nil {
		return err
	}
	session, err := p.p.LoginWithDevice(ctx, func(d passport.DeviceLogin) error {
		p.tell("Open this page in any browser, on this machine or another:\n\n  %s\n\nand enter this code, which is good until %s:\n\n  %s\n\n",
			d.VerificationURI, d.Expiry.Local().Format(time.TimeOnly), d.UserCode)
		return nil
	})
	if err != nil {
		return err
	}
	return p.welcome(ctx, session)
}

func (p *program) welcome(ctx context.Context, session *passport.Session) error {
	profile, err := session.Profile(ctx)
	if err != nil {
		return err
	}
	p.print("Signed in as %s.\n", name(profile))
	return nil
}

func (p *program) whoami(ctx context.Context) error {
	session, err := p.p.Session(ctx)
	if errors.Is(err, passport.ErrNoSession) {
		return p.nobody(ctx)
	}
	if err != nil {
		return err
	}
	profile, err := session.Profile(ctx)
	if err != nil {
		return err
	}
	info := session.Info()
	p.print("%s\n", name(profile))
	for _, line := range [][2]string{
		{"subject", profile.Subject}, {"wallet", profile.ZkEVMEthAddress},
		{"since", info.Begun.Local().Format(time.DateTime)}, {"until", info.Expiry.Local().Format(time.DateTime) + ", if nothing is done until then"},
	} {
		if line[1] != "" {
			p.print("  %-8s %s\n", line[0], line[1])
		}
	}
	return nil
}

// nobody also reminds of a logout that is not finished.
func (p *program) nobody(ctx context.Context) error {
	if _, unfinished := p.p.UnfinishedLogout(ctx); unfinished {
		p.tell("The last sign-out was of this program alone, as far as is known. Your Passport session\nin the browser may be open; end it with: %s logout\n\n", self)
	}
	return passport.ErrNoSession
}

func (p *program) logout(ctx context.Context) int {
	if err := p.reachStandIn(ctx); err != nil {
		p.tell("%s\n\n", explain(err))
		return p.logoutLocal(ctx) // which is what can be done, and will be finished later
	}
	l, err := p.p.Logout(ctx)
	return p.account(l, err)
}

func (p *program) logoutLocal(ctx context.Context) int {
	l, err := p.p.LogoutLocal(ctx)
	return p.account(l, err)
}

// account says what has become of each layer.
func (p *program) account(l passport.Logout, err error) int {
	p.print("%s\n", map[passport.Outcome]string{
		passport.OutcomeDone:    "You are signed out of this program.",
		passport.OutcomeSkipped: "You were not signed in to this program.",
		passport.OutcomeFailed:  "You could not be signed out of this program.",
	}[l.App])
	if l.App == passport.OutcomeFailed { // nor is any of the rest done, or stored for the next run
		return report(p.terminal, err)
	}
	for _, line := range []string{
		map[passport.Outcome]string{
			passport.OutcomeDone:        "The refresh token is revoked.",
			passport.OutcomePending:     "The refresh token could not be revoked yet. It is tried again, in the next run too.",
			passport.OutcomeFailed:      "The auth domain refuses to revoke the refresh token.",
			passport.OutcomeUnsupported: "The provider cannot revoke the refresh token, which lives on until it expires.",
		}[l.Revocation],
		map[passport.Outcome]string{
			passport.OutcomeDone:        "Your Passport session in the browser has ended.",
			passport.OutcomePending:     "The browser was not asked to end your Passport session, which may be open there.\nThe next sign-in asks who you are.",
			passport.OutcomeUnconfirmed: "Whether your Passport session in the browser has ended is not known.\nThe next sign-in asks who you are. To try again: " + self + " logout",
		}[l.Passport],
	} {
		if line != "" {
			p.print("%s\n", line)
		}
	}
	switch {
	case err != nil:
		return report(p.terminal, err)
	case l.Passport != passport.OutcomeDone:
		return unconfirmed
	}
	return allWell
}

// report says why a command has failed, and returns the exit code.
func report(t terminal, err error) int {
	if err == nil {
		return allWell
	}
	t.tell("%s\n", explain(err))
	if errors.Is(err, context.Canceled) {
		return interrupted
	}
	return failed
}

// explain puts into a user's words what can happen to anybody.
func explain(err error) string {
	var refused *passport.ProviderError
	switch {
	case errors.Is(err, context.Canceled):
		return "Given up."
	case errors.As(err, &refused) && refused.Code == "access_denied":
		return "The sign-in was cancelled."
	case errors.Is(err, context.DeadlineExceeded):
		return "That took too long (" + err.Error() + "). Try again."
	case errors.Is(err, passport.ErrNoSession):
		return "Nobody is signed in. Sign in with: " + self + " login"
	case errors.Is(err, errNoStandIn):
		return "There is no auth domain to try it with. Start it in another terminal:\n\n  " + self + " serve"
	}
	return err.Error()
}

// name is what to call a user.
func name(p passport.Profile) string {
	who := p.Subject
	for _, name := range []string{p.Email, p.Username, p.Nickname} {
		if name != "" {
			who = name
		}
	}
	if p.Email != "" && who != p.Email {
		return who + " (" + p.Email + ")"
	}
	return who
}
