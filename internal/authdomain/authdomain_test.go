package authdomain

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOriginBringsEveryWayOfWritingItToOneForm(t *testing.T) {
	for raw, want := range map[string]string{
		"auth.immutable.com":               "https://auth.immutable.com",
		"auth.immutable.com/":              "https://auth.immutable.com",
		"https://auth.immutable.com":       "https://auth.immutable.com",
		"https://auth.immutable.com/":      "https://auth.immutable.com",
		"https://AUTH.Immutable.com:443//": "https://auth.immutable.com",
		"https://auth.example.com:8443":    "https://auth.example.com:8443",
		"http://localhost:9000/":           "http://localhost:9000",
		"http://auth.localhost:9000":       "http://auth.localhost:9000",
		"http://127.0.0.1:80":              "http://127.0.0.1",
		"http://[::1]:9000":                "http://[::1]:9000",
	} {
		got, err := Origin(raw)
		require.NoError(t, err, raw)
		assert.Equal(t, want, got, raw)
	}
}

func TestOriginRefusesWhatIsNotADomain(t *testing.T) {
	for _, raw := range []string{
		"", "/", "https://", "https://auth.example.com/tenant", "https://auth.example.com?x=1",
		"https://auth.example.com/#x", "https://user:pw@auth.example.com", "http://auth.example.com",
		"ftp://auth.example.com", "javascript://auth.example.com", "https://auth example.com", "https://auth.example.com/ ",
		"https://bücher.example.com", "https://a;b.example.com", "https://*.example.com", "https://example.com:99999",
		"https://example.com:", "https://example.com:0", "https://[::1", "https://a b",
		"http://localhost.example.com", "http://127.0.0.1.example.com", "auth.example.com.", "https://auth.example.com.:8443",
	} {
		_, err := Origin(raw)
		assert.Error(t, err, raw)
	}
}

func TestLogoutURLLeavesReturnToOutWhenThereIsNone(t *testing.T) {
	e := At("https://auth.example.com")
	assert.Equal(t, "https://auth.example.com/v2/logout?client_id=a+b", e.LogoutURL("a b", "", false))

	u, err := url.Parse(e.LogoutURL("client", "https://app.example.com/out?x=1&y=2", false))
	require.NoError(t, err)
	assert.Equal(t, url.Values{"client_id": {"client"}, "returnTo": {"https://app.example.com/out?x=1&y=2"}}, u.Query())
}
