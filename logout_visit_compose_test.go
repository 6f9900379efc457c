package passport

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/records"
)

// TestTheLogoutURLIsComposedAsAWhole holds the address, which is put together
// from what is known beforehand and the state, against the one function that
// makes such addresses.
func TestTheLogoutURLIsComposedAsAWhole(t *testing.T) {
	for _, uri := range []string{"", "https://app.example.com/out", "https://app.example.com/out?a=b&c=%C3%BC"} {
		for _, federated := range []bool{false, true} {
			p := benchPassport(t, func(c *Config) { c.LogoutRedirectURI, c.Federated = uri, federated })
			state := Secret(records.NewSecret())
			var l Logout
			p.planVisit(t.Context(), &l, logoutHint{}, state)
			assert.Equal(t, p.c.endpoints.LogoutURL(p.c.ClientID, authdomain.ReturnTo(uri, state.Reveal()), federated), l.URL)
			assert.Equal(t, uri != "", strings.Contains(l.URL, state.Reveal()), l.URL)
		}
	}
}
