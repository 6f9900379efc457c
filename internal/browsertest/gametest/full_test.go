package gametest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/passporttest"
)

const (
	fullItems = `Storage.prototype.set = Storage.prototype.setItem;
		Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError") }`
	fullDatabase = `IDBObjectStore.prototype.old = IDBObjectStore.prototype.put;
		IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError") }`
	roomAgain = `if (Storage.prototype.set) Storage.prototype.setItem = Storage.prototype.set;
		if (IDBObjectStore.prototype.old) IDBObjectStore.prototype.put = IDBObjectStore.prototype.old`
)

// The refresh token that was sent is used up: the one that came must not be lost,
// nor the other one sent again.
func TestStorageThatFillsUpInTheMiddleOfARefreshLosesNoToken(t *testing.T) {
	for name, fill := range map[string]string{
		"localStorage":                  fullItems,
		"localStorage and the database": fullItems + ";" + fullDatabase,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "auth.localhost")
			stale := s.shortLived()
			profile := browsertest.Open(t, browsertest.Blocked)
			g := s.signedIn(profile)
			answerNow := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Hang: true, Times: 1})
			g.Run(`window.token = game.accessToken()`)
			s.awaits("/oauth/token", 2)
			g.Run(fill)
			answerNow()
			first := browsertest.Eval[string](g.Tab, `token`)
			assert.NotEmpty(t, first)

			second := browsertest.Eval[string](g.Tab, `game.accessToken()`) // it is stale as well
			assert.NotEqual(t, first, second)
			assert.Empty(t, s.auth.Incidents(), "no refresh token was used twice")
			stale()
			require.NotEmpty(t, browsertest.Eval[string](g.Tab, `game.accessToken()`))
			if name == "localStorage" {
				other := s.open(profile)
				assert.Equal(t, browsertest.Eval[string](g.Tab, `game.accessToken()`), browsertest.Eval[string](other.Tab, `game.accessToken()`))
			}

			g.Run(roomAgain)
			assert.Equal(t, "alice@example.com", g.who())
			assert.Equal(t, "done", g.logout().App)
			s.revoked()
			assert.Empty(t, s.auth.Incidents())
		})
	}
}
