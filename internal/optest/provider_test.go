// Package optest runs the SDK against OpenID providers that its authors did not
// write: login, refresh, logout in both modes, revocation, and logout tokens.
package optest

import "testing"

// client is what a provider is told of the app, and of itself.
type client struct {
	secret         string // empty: a public client
	redirectURIs   []string
	logoutURIs     []string
	backChannelURI string

	// configuration is oidc-provider's, beyond the usual.
	configuration map[string]any
}

const clientID = "app"

// provider is an OpenID provider that is running for one test.
type provider struct {
	issuer string

	// remembers says that it knows a browser again that has signed in.
	remembers bool

	// asks says that it has the user confirm a logout.
	asks bool

	// signOut ends the session that b has at the provider, by another way than
	// the app, which the provider tells by a logout token.
	signOut func(b *browser)

	// allow lets the device in that has shown b's user an address.
	allow func(b *browser, address string)

	// sign signs claims as the provider signs its tokens, by its own keys. Both
	// are nil where that cannot be had.
	sign func(typ string, claims map[string]any) string
	keys *zitadelKeys
}

// start starts a provider, which ends with the test.
type start func(t *testing.T, c client) provider

func TestZitadel(t *testing.T) {
	for name, flow := range flows {
		t.Run(name, func(t *testing.T) { flow(t, zitadel) })
	}
	t.Run("logout tokens that break a rule", brokenLogoutTokens)
	t.Run("refresh tokens after a logout at the provider", revocationByPolicy)
	t.Run("keys that change", keysThatChange)
}

func TestOIDCProvider(t *testing.T) {
	n := startNode(t)
	for _, tests := range []map[string]func(*testing.T, start){flows, corners} {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) { test(t, n.provider) })
		}
	}
}
