package browsertest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// A logout request that is too long for a URL is posted from inside the iframe,
// to a provider that the page has to name beforehand.
func TestNoScriptPagePostsWhatIsTooLongForAURL(t *testing.T) {
	s := newSite(t, "auth.localhost", func(s *site, c *passport.Config) {
		c.Discover, c.Issuer, c.AuthDomain = true, s.auth.URL+"/", ""
	})
	s.auth.Inject(passporttest.Fault{EditClaims: func(c map[string]any) { c["groups"] = strings.Repeat("g", 5000) }})
	tab := s.signedIn(Open(t, Allowed))
	tab.Run(`HTMLFormElement.prototype.submit.call(document.querySelector("form"))`)
	tab.WaitURL(s.at("/?bye"))
	assert.Equal(t, "nobody", who(tab))
	assert.Empty(t, s.auth.Sessions())
	assert.Equal(t, []string{"POST"}, methods(s.auth.Requests("/oidc/logout")))
}

func methods(requests []passporttest.Request) (all []string) {
	for _, r := range requests {
		if r.Header.Get("Sec-Fetch-Mode") != "" { // of the browser: the program looks, too, whether POST is taken
			all = append(all, r.Method)
		}
	}
	return all
}
