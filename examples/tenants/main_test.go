package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/usertest"
	"github.com/passport-go/passport/passporttest"
)

const signedOut = "You are not signed in"

// start serves two tenants, whose providers know the same user.
func start(t *testing.T) (first, second *usertest.Site) {
	t.Helper()
	other := passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: "localhost"})
	t.Cleanup(other.Close)
	both := usertest.Start(t, func(ctx context.Context, listener net.Listener, c passport.Config) error {
		return serve(ctx, listener, map[string]string{"red.localhost": c.AuthDomain, "blue.localhost": other.URL})
	})
	first, second = new(*both), new(*both)
	first.URL = strings.Replace(both.URL, "localhost", "red.localhost", 1)
	second.URL = strings.Replace(both.URL, "localhost", "blue.localhost", 1)
	second.Auth = other
	return first, second
}

func TestASessionOfOneTenantIsUnknownToTheOther(t *testing.T) {
	red, blue := start(t)
	atRed := red.Browser()
	atRed.SignIn()
	assert.Contains(t, atRed.At(blue.URL).Get("/").Body, signedOut)

	thief := atRed.CopyTo(blue.URL)
	assert.Contains(t, thief.Get("/").Body, signedOut)
	refused := thief.Do(http.MethodGet, "/inventory", "Accept", "application/json")
	assert.Equal(t, http.StatusUnauthorized, refused.StatusCode)
	thief.Post("/logout")
	assert.Contains(t, atRed.Get("/").Body, usertest.Alice, "whatever is done with the cookie elsewhere")
	assert.Empty(t, blue.Auth.Requests("/oauth/revoke"), "a token goes to its own provider alone")
}

func TestALogoutAtOneTenantLeavesTheOther(t *testing.T) {
	red, blue := start(t)
	b := red.Browser()
	atRed, atBlue := b, b.At(blue.URL)
	atRed.SignIn()
	atBlue.SignIn()
	copied := atRed.Copy()
	atRed.SignOut()
	red.IsSignedOut()
	assert.Contains(t, copied.Get("/").Body, signedOut)
	assert.Contains(t, atBlue.Get("/").Body, usertest.Alice)
	assert.Len(t, blue.Auth.Sessions(), 1)
	require.Len(t, blue.Auth.RefreshTokens(passporttest.Live), 1)
}

func TestAnUnknownHostIsNobodys(t *testing.T) {
	red, _ := start(t)
	b := red.Browser()
	elsewhere := b.At(strings.Replace(red.URL, "red.", "green.", 1))
	assert.Equal(t, http.StatusMisdirectedRequest, elsewhere.Get("/").StatusCode)
	assert.Contains(t, b.At(strings.Replace(red.URL, "red.", "", 1)).Get("/").Body, "http://blue.localhost:")
}
