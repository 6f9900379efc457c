package passporttest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/passporttest"
)

func TestOptionsThatMakeNoSensePanic(t *testing.T) {
	for want, o := range map[string]passporttest.Options{
		"passporttest: Options.Clients[1].ID is empty":            {Clients: []passporttest.Client{{ID: "a"}, {}}},
		`passporttest: Options.Clients has the ID "a" twice`:      {Clients: []passporttest.Client{{ID: "a"}, {ID: "a"}}},
		"passporttest: Options.Users[0].Subject is empty":         {Users: []passporttest.User{{Email: "x@example.com"}}},
		`passporttest: Options.Users has the Subject "bob" twice`: {Users: []passporttest.User{{Subject: "bob"}, {Subject: "bob"}}},
	} {
		assert.PanicsWithValue(t, want, func() { passporttest.New(o) })
	}
}

func TestOptionsAreCopied(t *testing.T) {
	o := passporttest.Options{
		AutoLogin: true,
		Clients:   []passporttest.Client{{ID: passporttest.ClientID, RedirectURIs: []string{callback}, LogoutURLs: []string{afterward}}},
		Users:     []passporttest.User{alice},
	}
	p := newParty(t, start(t, o))
	o.Clients[0].RedirectURIs[0] = "http://changed.example/"
	o.Clients[0].LogoutURLs[0] = "http://changed.example/"
	o.Clients[0].ID = "changed"
	o.Users[0] = bob

	p.login()
	assert.Equal(t, alice, p.auth.Sessions()[0].User)
	assert.Equal(t, afterward, p.visit(p.logoutURL()).Header.Get("Location"))
}
