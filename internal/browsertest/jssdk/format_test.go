package jssdk

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

var update = flag.Bool("update", false, "write the golden user of storage/localstorage anew")

// golden is a user as the JavaScript SDK has stored one. The tests of
// storage/localstorage go by it.
const golden = "../../../storage/localstorage/testdata/user.json"

func TestTheJavaScriptSDKStoresAUserAsTheGoldenOne(t *testing.T) {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, Host: "auth.localhost", TLS: true})
	t.Cleanup(auth.Close)
	site := serve(t, auth, bundle(t))
	tab := browsertest.Open(t, browsertest.Blocked).Tab()
	tab.Go(site + "/sdk")
	tab.Run(`void sdk.login({useRedirectFlow: true, directLoginOptions: {directLoginMethod: "google"}})`)
	tab.Wait(`location.pathname === "/sdk-redirect" && window.sdk`)
	browsertest.Eval[bool](tab, `sdk.loginCallback().then(() => true)`)

	name := "oidc.user:" + auth.URL + ":" + passporttest.ClientID
	stored := browsertest.Eval[map[string]any](tab, `JSON.parse(localStorage.getItem("`+name+`"))`)
	if *update {
		item := browsertest.Eval[string](tab, `localStorage.getItem("`+name+`")`)
		require.NoError(t, os.WriteFile(golden, []byte(item), 0o644))
	}
	contents, err := os.ReadFile(golden)
	require.NoError(t, err)
	var want map[string]any
	require.NoError(t, json.Unmarshal(contents, &want))
	assert.Equal(t, keys(want), keys(stored))
	assert.Equal(t, keys(want["profile"].(map[string]any)), keys(stored["profile"].(map[string]any)))
}

func keys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
