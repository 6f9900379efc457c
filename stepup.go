package passport

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// StepUp is what a request needs of how its user has signed in.
type StepUp struct {
	// ACRValues are the authentication contexts of which one will do, separated by
	// spaces, the preferred first (the claim acr, OpenID Connect Core 1.0 §2).
	// Default: any.
	ACRValues string

	// MaxAge is how long ago the user may have proved who they are (the claim
	// auth_time). Default: any time ago.
	MaxAge time.Duration
}

// check reports what is wrong with s.
func (s StepUp) check() error {
	switch {
	case s.MaxAge < 0:
		return fmt.Errorf("StepUp.MaxAge is negative")
	case s.MaxAge == 0 && strings.TrimSpace(s.ACRValues) == "":
		return fmt.Errorf("StepUp has neither ACRValues nor MaxAge: any login will do")
	case strings.ContainsFunc(s.ACRValues, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }):
		return fmt.Errorf("StepUp.ACRValues has a character that is not allowed in WWW-Authenticate")
	}
	return nil
}

// authentication are the claims that say how a user has signed in.
type authentication struct {
	ACR      string  `json:"acr"`
	AuthTime float64 `json:"auth_time"`
}

func (a authentication) satisfies(s StepUp, now time.Time) error {
	if err := a.checkACR(s.ACRValues); err != nil {
		return err
	}
	at := time.Unix(int64(a.AuthTime), 0)
	if s.MaxAge > 0 && (a.AuthTime <= 0 || now.Sub(at) > s.MaxAge+instanceLeeway) {
		return ErrNotRecent
	}
	return nil
}

// checkACR returns ErrInsufficientACR if acr is none of the values.
func (a authentication) checkACR(values string) error {
	if wanted := strings.Fields(values); len(wanted) > 0 && !slices.Contains(wanted, a.ACR) {
		return ErrInsufficientACR
	}
	return nil
}

// Satisfies reports whether the session's user has signed in as s says: nil,
// ErrInsufficientACR or ErrNotRecent. Other errors are as for [Session.Profile].
// [Passport.RequireStepUp] is it for handlers.
func (s *Session) Satisfies(ctx context.Context, need StepUp) error {
	var a authentication
	if err := s.Claims(ctx, &a); err != nil {
		return err
	}
	return a.satisfies(need, s.p.c.Now())
}

// CheckBearer reports whether the user of a bearer token that VerifyBearer has returned
// has signed in as s says: nil, ErrInsufficientACR or ErrNotRecent. Access tokens say it
// as RFC 9068 §2.2.1 has it. [Passport.RequireBearerStepUp] is it for handlers.
func (p *Passport) CheckBearer(b Bearer, s StepUp) error {
	var a authentication
	if err := b.Claims(&a); err != nil {
		return err
	}
	return a.satisfies(s, p.c.Now())
}
