package passport_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func TestRefreshFetchesNewTokensAlthoughTheOldAreGood(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session := b.session()
	old, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) {
		c["passport"] = map[string]any{"zkevm_eth_address": "0xnew"}
	}})
	require.NoError(t, session.Refresh(t.Context()))
	for name, session := range map[string]*passport.Session{"the same": session, "looked up again": b.session()} {
		token, err := session.AccessToken(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, old, token, name)
		profile, err := session.Profile(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "0xnew", profile.ZkEVMEthAddress, name)
	}
	assert.Equal(t, 1, s.refreshes())
}

func TestRefreshIsDoneOnceForAllWhoAskTogether(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	sessions := make([]*passport.Session, 5)
	for i := range sessions {
		sessions[i] = b.session()
		_, err := sessions[i].AccessToken(t.Context())
		require.NoError(t, err)
	}
	answer := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Times: 1})
	var wg sync.WaitGroup
	for _, session := range sessions {
		wg.Go(func() { assert.NoError(t, session.Refresh(t.Context())) })
	}
	_, err := s.auth.Await(t.Context(), "/oauth/token", 2)
	require.NoError(t, err)
	answer()
	wg.Wait()
	assert.Equal(t, 1, s.refreshes())
}

func TestRefreshNeedsARefreshTokenAndASession(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Scopes = []string{"openid"} })
	assert.ErrorIs(t, s.signedIn().session().Refresh(t.Context()), errors.ErrUnsupported)

	s = newSite(t)
	b := s.signedIn()
	session := b.session()
	b.logout("Accept", "application/json")
	assert.ErrorIs(t, session.Refresh(t.Context()), passport.ErrNoSession)
}

func TestUserInfoIsAskedOnDemand(t *testing.T) {
	s := newSite(t)
	session := s.signedIn().session()
	var claims struct {
		Subject string `json:"sub"`
		Email   string `json:"email"`
	}
	require.NoError(t, session.UserInfo(t.Context(), &claims))
	assert.Equal(t, alice, claims.Subject)
	assert.Equal(t, passporttest.DefaultUser().Email, claims.Email)
	assert.Len(t, s.auth.Requests("/userinfo"), 1)
}
