package native_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
)

// Two games of a studio keep their sessions in one file, or one has a stand-in for the
// auth domain for its developers.
func TestProgramsThatShareAStoreAreStrangers(t *testing.T) {
	const second = "second"
	a := newDesktopAt(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: passporttest.ClientID, AnyLoopback: true}, {ID: second, AnyLoopback: true},
	}})
	game := func(c *native.Config) { c.ClientID = second }
	elsewhere := newDesktop(t, func(c *native.Config) { c.Store = a.store })
	for name, other := range map[string]struct {
		d *desktop
		p *native.Passport
	}{
		"another client ID":   {a, a.run(game)},
		"another auth domain": {elsewhere, elsewhere.p},
	} {
		t.Run(name, func(t *testing.T) {
			mine := a.login(a.p)
			other.d.login(other.p)
			s, err := a.p.Session(t.Context())
			require.NoError(t, err, "after the other's login")
			assert.Equal(t, mine.ID(), s.ID())

			_, err = other.p.Logout(t.Context())
			require.NoError(t, err)
			_, err = a.p.Session(t.Context())
			require.NoError(t, err, "after the other's logout")
			_, unfinished := other.p.UnfinishedLogout(t.Context())
			assert.False(t, unfinished)
			other.d.shown()
		})
	}
}
