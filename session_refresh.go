package passport

import (
	"context"
	"errors"
	"fmt"

	"github.com/passport-go/passport/internal/jwt"
)

// Refresh fetches new tokens, although those that the session has may still be good:
// after the user has registered an address, say, for the ID token to have it. Like
// [Session.AccessToken] it does so once for all who ask at the same time, and ctx
// bounds the wait. Errors as there; one that wraps errors.ErrUnsupported says that
// the session has no refresh token.
func (s *Session) Refresh(ctx context.Context) error {
	old, err := s.read(ctx)
	if err != nil {
		return err
	}
	if old.RefreshToken == "" {
		return fmt.Errorf("passport: the session has no refresh token: ask for the scope offline_access: %w", errors.ErrUnsupported)
	}
	renewed, err := s.p.refreshUnless(ctx, s.ID(), s.ID()+" again", func(t tokens) bool {
		return t.AccessToken != old.AccessToken && t.fresh(s.p.c.Now())
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = &renewed
	return nil
}

// UserInfo asks the provider's UserInfo endpoint for the user's claims (OpenID
// Connect Core 1.0 §5.3) and decodes them into v, as [Session.Claims] does. They
// must be of the session's user. It makes a call each time, with an access token
// that is refreshed when needed. errors.ErrUnsupported: the provider has no such
// endpoint.
func (s *Session) UserInfo(ctx context.Context, v any) error {
	token, err := s.AccessToken(ctx)
	if err != nil {
		return err
	}
	claims, err := s.p.provider.UserInfo(ctx, token.Reveal(), s.Subject())
	if err != nil {
		return providerError(err)
	}
	if err := jwt.Unmarshal([]byte(claims), v); err != nil {
		return fmt.Errorf("passport: the claims of the UserInfo endpoint cannot be decoded into %T: %w", v, err)
	}
	return nil
}
