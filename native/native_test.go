package native_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
)

func TestNewReportsEveryProblemAtOnce(t *testing.T) {
	_, err := native.New(native.Config{
		Config: passport.Config{
			LogoutMode:     passport.LogoutSilent,
			RedirectURI:    "https://game.example.com/callback",
			EncryptionKeys: [][]byte{[]byte("short")},
		},
		LoginTimeout:  time.Hour,
		LogoutTimeout: -1,
	})
	for _, problem := range []string{
		"Config.ClientID is empty", "Config.LogoutMode is passport.LogoutSilent", "Config.RedirectURI must be on this machine",
		"Config.EncryptionKeys key 1 is 5 bytes long", "Config.LoginTimeout must be from 0", "Config.LogoutTimeout is negative",
	} {
		assert.ErrorContains(t, err, problem)
	}
}

func TestBothReturnsAreAtOneAddress(t *testing.T) {
	for _, test := range []struct{ login, logout, problem string }{
		{"http://127.0.0.1/in", "http://localhost/out", "must have the host and the port"},
		{"http://127.0.0.1:4000/in", "http://127.0.0.1/out", "must have the host and the port"},
		{"http://127.0.0.1/in", "http://127.0.0.1/in", "must have another path"},
		{"http://127.0.0.1", "http://127.0.0.1/", "must have another path"},
		{"http://10.0.0.1/in", "http://10.0.0.1/out", "must use https"},
		{"https://127.0.0.1/in", "https://127.0.0.1/out", "must be on this machine"},
		{"http://127.0.0.1:6000/in", "http://127.0.0.1:6000/out", "has port 6000, to which browsers do not connect"},
		{"http://127.0.0.1:993/in", "http://127.0.0.1:993/out", "has port 993, to which browsers do not connect"},
		{"http://[::1]:1/in", "http://[::1]:1/out", "has port 1, to which browsers do not connect"},
		{"http://127.0.0.1:0/in", "http://127.0.0.1:0/out", "must have a port from 1 to 65535"},
		{"mygame://callback", "mygame://logout", "must be an absolute URL"},
	} {
		_, err := native.New(native.Config{Config: passport.Config{
			ClientID: "client", RedirectURI: test.login, LogoutRedirectURI: test.logout,
		}})
		assert.ErrorContains(t, err, test.problem, test.login)
	}
}

func TestOnlyTheClientIDIsNeeded(t *testing.T) {
	p, err := native.New(native.Config{Config: passport.Config{ClientID: "client"}})
	require.NoError(t, err)
	_, err = p.Session(t.Context())
	require.ErrorIs(t, err, passport.ErrNoSession)
	assert.Equal(t, "https://auth.immutable.com/v2/logout?client_id=client&returnTo=http%3A%2F%2F127.0.0.1%2Flogout", p.Engine().LogoutURL())
	require.NoError(t, p.Close(t.Context()))
}

func TestNothingPrintsAKey(t *testing.T) {
	key := "a key of exactly thirty-two byte"
	c := native.Config{Config: passport.Config{ClientID: "client", EncryptionKeys: [][]byte{[]byte(key)}}}
	p, err := native.New(c)
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, v := range []any{c, &c, p} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, key, verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", key), verb)
			assert.NotContains(t, text, fmt.Sprint([]byte(key)), verb)
		}
	}
}
