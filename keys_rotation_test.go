package passport_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/memory"
)

// Instances restart one by one, so those of a step run beside those of the step before
// (docs/deploying.md): each reads what the other has sealed.
func TestNobodyNoticesThatKeysAreReplacedStepByStep(t *testing.T) {
	before, _ := randomKey()
	after, _ := randomKey()
	store := memory.New(memory.Options{})
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, [][]byte{before} })
	instance := func(keys ...[]byte) *passport.Passport {
		c := s.config()
		c.Store, c.EncryptionKeys = store, keys
		return newPassport(t, c)
	}
	steps := []*passport.Passport{s.p, instance(before, after), instance(after, before), instance(after)}
	old := &verbCarrier{s: s, p: s.p}
	s.browser().signInWith(old)
	revoked := 0
	for i := range steps[1:] {
		for _, pair := range [][2]*passport.Passport{{steps[i], steps[i+1]}, {steps[i+1], steps[i]}} {
			v := &verbCarrier{s: s, p: pair[0]}
			link := s.browser().link(delivered(v.login(plain)))
			v.p = pair[1]
			require.False(t, delivered(v.callback(link)).failed)
			for _, p := range pair {
				session, err := p.Session(t.Context(), v.jar.state().Session)
				require.NoError(t, err)
				token, err := session.AccessToken(t.Context())
				require.NoError(t, err)
				assert.NotEmpty(t, token)
				require.NoError(t, session.Refresh(t.Context()))
			}
			v.p = pair[0]
			account := delivered(v.logout()).account
			assert.Equal(t, passport.OutcomeDone, account.App)
			revoked++
			s.revoked(revoked)
		}
		if i < 2 {
			session, err := steps[i+1].Session(t.Context(), old.jar.state().Session)
			require.NoError(t, err, "one from before")
			_, err = session.AccessToken(t.Context())
			require.NoError(t, err)
		}
	}
	assert.Empty(t, s.events.named("session.lost"))
}
