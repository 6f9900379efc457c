package jssdk

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// The JavaScript SDK resolves either way. What the engine has made of it is what
// it makes of our own logout.
func TestEnginesCompleteALogoutOfTheJavaScriptSDKThroughOurCallback(t *testing.T) {
	sdk := bundle(t)
	for scenario, host := range map[string]string{
		browsertest.SilentSameSite: "auth.app.localhost",
		browsertest.SilentForeign:  "auth.localhost",
	} {
		t.Run(scenario, func(t *testing.T) {
			browsertest.InEngines(t, func(t *testing.T, e browsertest.Engine) {
				auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: host, TLS: true})
				t.Cleanup(auth.Close)
				site := serve(t, auth, sdk)
				tab := e.OpenLight(t).Tab()
				signIn(tab, site)
				require.Equal(t, "alice@example.com", browsertest.Eval[string](tab, `sdk.getUserInfo().then(user => user.email)`))
				require.Len(t, auth.Sessions(), 1)
				assert.Equal(t, "resolved", browsertest.Eval[string](tab, `sdk.logout().then(() => "resolved", e => e.message)`))
				assert.Equal(t, e.Expect(t, scenario).Ended, len(auth.Sessions()) == 0)
			})
		})
	}
}
