package passport

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/passport-go/passport/internal/provider"
)

// failLogin tells of a login that has failed.
func (p *Passport) failLogin(ctx context.Context, err error) {
	p.emit(Event{Name: EventLoginFailed, Reason: loginFailure(err), Context: ctx, Err: err})
}

// loginFailure is the reason in an error of a login.
func loginFailure(err error) LoginFailure {
	var refused *ProviderError
	var unreachable *provider.UnreachableError
	switch {
	case errors.As(err, new(*SignInRefused)):
		return LoginRefused
	case errors.Is(err, ErrSignIn):
		return LoginProgramFailed
	case errors.Is(err, ErrStoreUnavailable):
		return LoginStoreUnavailable
	case errors.Is(err, ErrNoLogin):
		return LoginUnknown
	case errors.Is(err, ErrNotReauthenticated), errors.Is(err, ErrNotRecent), errors.Is(err, ErrInsufficientACR):
		return LoginNotReauthenticated
	case errors.As(err, &refused):
		return providerFailure(refused)
	case errors.As(err, &unreachable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return LoginProviderUnavailable
	}
	return LoginInvalid
}

func providerFailure(refused *ProviderError) LoginFailure {
	switch {
	case refused.Status >= 500, refused.Status == http.StatusTooManyRequests, refused.Code == "server_error", refused.Code == "temporarily_unavailable":
		return LoginProviderUnavailable
	case refused.Code == "access_denied":
		return LoginDenied
	case refused.Status == 0 && strings.HasSuffix(refused.Code, "_required"):
		return LoginInteractionRequired
	}
	return LoginProviderRefused
}
