package native_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	own "github.com/passport-go/passport/page"
)

func TestThePagesAreTheProgramsOwn(t *testing.T) {
	d := newDesktop(t)
	var kinds []own.Kind
	p := d.run(func(c *native.Config) {
		c.Pages.Render = func(_ context.Context, w io.Writer, p own.Page) error {
			kinds = append(kinds, p.Kind)
			if p.Kind == own.SignedOut {
				return errors.New("no such template")
			}
			_, err := fmt.Fprintf(w, "<title>The game</title><main>%s", p.Title)
			return err
		}
		c.Pages.Languages = []string{"it"}
	})
	_, err := p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	shown := d.shown()
	assert.Contains(t, shown.text, "<title>The game</title><main>L’accesso è avvenuto")
	assert.Equal(t, "it", shown.header.Get("Content-Language"))
	assert.Contains(t, shown.header.Get("Content-Security-Policy"), "default-src 'none'; ")

	_, err = p.Logout(t.Context())
	require.NoError(t, err)
	assert.Contains(t, d.shown().text, "<h1>La disconnessione è avvenuta</h1>", "the page of the SDK")
	assert.Equal(t, []own.Kind{own.SignedIn, own.SignedOut}, kinds)
}

func TestAMistakeInThePagesIsReported(t *testing.T) {
	c := native.Config{}
	c.ClientID = "client"
	c.Pages.Texts = map[string]map[string]string{"nl": {"signed-inn": "?"}}
	_, err := native.New(c)
	assert.ErrorContains(t, err, `"signed-inn" in nl is unknown`)
}
