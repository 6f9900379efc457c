package gametest

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

// As with components that mount twice.
func TestCallbackThatIsCancelledAndComesAgainSignsIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.login()
	assert.Equal(t, "context canceled", browsertest.Eval[string](g.Tab, `game.cancelledCallback().catch(e => e.message)`))
	assert.Equal(t, "/inventory", browsertest.Eval[callback](g.Tab, `game.callback()`).ReturnTo)
	assert.Equal(t, "alice@example.com", g.who())

	g.login()
	assert.Equal(t, "context canceled", browsertest.Eval[string](g.Tab, `game.cancelledCallback().catch(e => e.message)`))
	g.Wait(`!location.search`) // it has been finished by itself
	assert.Equal(t, "/inventory", browsertest.Eval[callback](g.Tab, `game.callback()`).ReturnTo)
	assert.Equal(t, "/", browsertest.Eval[callback](g.Tab, `game.callback()`).ReturnTo)
	assert.Empty(t, s.auth.Incidents())
	assert.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 1 }, revokedWithin, pollEvery)
}

// As with the link in a mail.
func TestLoginIsFinishedInAnotherTabOfItsBrowser(t *testing.T) {
	s := newSite(t, "auth.localhost")
	profile := browsertest.Open(t, browsertest.Blocked)
	g := s.open(profile)
	g.login()
	address := g.URL()
	g.Close()
	other := s.tab(profile)
	other.Go(address + "&session_state=of-a-provider.that-has-them")
	other.ready()
	assert.Equal(t, callback{passporttest.DefaultUser().Subject, "/inventory"}, browsertest.Eval[callback](other.Tab, `game.callback()`))
	assert.Equal(t, s.origin+"/redirect", other.URL())
	assert.Equal(t, "alice@example.com", other.who())
}

// Some mails lead to an address with a code that is none of ours.
func TestCallbackWithoutStateIsNoErrorForWhoeverIsSignedIn(t *testing.T) {
	s := newSite(t, "auth.localhost")
	g := s.open(browsertest.Open(t, browsertest.Blocked))
	g.Go(s.origin + "/redirect?code=success")
	g.ready()
	assert.Contains(t, browsertest.Eval[string](g.Tab, `game.callback().catch(e => e.message)`), passport.ErrNoLogin.Error())
	g.home()
	g.signIn()
	g.Go(s.origin + "/redirect?code=success")
	g.ready()
	assert.Equal(t, callback{passporttest.DefaultUser().Subject, "/"}, browsertest.Eval[callback](g.Tab, `game.callback()`))
	assert.Equal(t, s.origin+"/redirect?code=success", g.URL(), "it is not ours to tidy")
}
