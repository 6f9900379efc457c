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

	// registration is what oidc-provider is told of the client, beyond the usual.
	registration map[string]any
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
	t.Parallel()
	runAll(t, newZitadel(t).provider, flows, signedTokens, doctors)
}

func TestOIDCProvider(t *testing.T) {
	t.Parallel()
	runAll(t, startNode(t).provider, flows, corners, clients, doctors, pushed)
}

// runAll runs tests, by their names, against a provider that each of them starts.
func runAll(t *testing.T, start start, sets ...map[string]func(*testing.T, start)) {
	for _, set := range sets {
		for name, test := range set {
			t.Run(name, func(t *testing.T) { test(t, start) })
		}
	}
}
