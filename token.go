package passport

import (
	"context"
	"errors"
	"fmt"

	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/tasks"
)

// newProvider builds the client of the provider that c names. A discovery runs in
// a goroutine of t's.
func newProvider(c *settled, t *tasks.Group) *provider.Client {
	config := provider.Config{
		Issuer:             c.Issuer,
		ClientID:           c.ClientID,
		ClientSecret:       c.ClientSecret.Reveal(),
		Auth:               provider.ClientAuth(c.ClientAuth),
		Key:                c.ClientKey,
		KeyID:              c.ClientKeyID,
		Scopes:             c.Scopes,
		Audience:           c.Audience,
		UserInfo:           c.UserInfo,
		LoginParams:        c.LoginParams,
		LogoutParams:       c.LogoutParams,
		DiscoveryURL:       c.DiscoveryURL,
		InsecureHTTP:       c.InsecureProviderHTTP,
		StrictLogoutTokens: c.StrictLogoutTokens,
		HTTPClient:         c.HTTPClient,
		Now:                c.Now,
		Run: func(f func(context.Context)) {
			if !t.Start(f) {
				f(t.Last())
			}
		},
		Start:  t.Start,
		Leeway: c.ClockLeeway,
	}
	if !c.Discover {
		config.Endpoints = &c.endpoints
	}
	return provider.New(config)
}

// tokensOf are tokens as the provider issued them.
func tokensOf(t provider.Tokens) tokens {
	return tokens{
		IDToken:      Secret(t.IDToken),
		AccessToken:  Secret(t.AccessToken),
		RefreshToken: Secret(t.RefreshToken),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		Expiry:       t.Expiry,
		UserInfo:     Secret(t.UserInfo),
	}
}

// issued is the reverse of tokensOf.
func (t tokens) issued() provider.Tokens {
	return provider.Tokens{
		IDToken:      t.IDToken.Reveal(),
		AccessToken:  t.AccessToken.Reveal(),
		RefreshToken: t.RefreshToken.Reveal(),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		Expiry:       t.Expiry,
		UserInfo:     t.UserInfo.Reveal(),
	}
}

// providerError gives an error of package provider the type that this package
// promises.
func providerError(err error) error {
	var refused *provider.Error
	switch {
	case errors.As(err, &refused):
		return &ProviderError{Status: refused.Status, Code: refused.Code, Description: refused.Description, cause: err}
	case errors.Is(err, provider.ErrCodeExpired):
		return fmt.Errorf("%w: the code was not entered in time", ErrNoLogin)
	}
	return err
}

// providerOrigins are those of the provider's own pages.
func (p *Passport) providerOrigins() []string { return p.provider.Origins() }
