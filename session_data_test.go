package passport_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

func TestClaimsOfTheProgramsOwn(t *testing.T) {
	s := newSite(t)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", EditClaims: func(c map[string]any) {
		c["https://game.example/roles"] = []string{"admin"}
		c["level"], c["EMAIL"] = "nine", "not@the.same"
	}})
	session := s.signedIn().session()
	var claims struct {
		Roles []string `json:"https://game.example/roles"`
		Level int      `json:"level"` // a text in the token
		Email string   `json:"email"`
	}
	require.NoError(t, session.Claims(t.Context(), &claims))
	assert.Equal(t, []string{"admin"}, claims.Roles)
	assert.Zero(t, claims.Level)
	assert.Equal(t, passporttest.DefaultUser().Email, claims.Email, "names are exact")
	var all map[string]any
	require.NoError(t, session.Claims(t.Context(), &all))
	assert.Equal(t, alice, all["sub"])
}

type cart struct {
	Items []string `json:"items"`
}

func TestASessionKeepsTheProgramsData(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.Store, c.EncryptionKeys = &faultyStore{Store: memory.New(memory.Options{})}, someKey()
	})
	b := s.signedIn()
	session := b.session()
	none := cart{Items: []string{"kept"}}
	require.NoError(t, session.Data(t.Context(), &none))
	assert.Equal(t, []string{"kept"}, none.Items, "there is no data yet")

	require.NoError(t, session.SetData(t.Context(), cart{Items: []string{"sword"}}))
	for name, session := range map[string]*passport.Session{"the same": session, "looked up again": b.session()} {
		var got cart
		require.NoError(t, session.Data(t.Context(), &got))
		assert.Equal(t, []string{"sword"}, got.Items, name)
		assert.NotContains(t, fmt.Sprintf("%+v %#v", session, session), "sword")
	}

	s.clock.add(25 * time.Hour) // the access token has expired
	_, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, s.refreshes())
	var got cart
	require.NoError(t, b.session().Data(t.Context(), &got))
	assert.Equal(t, []string{"sword"}, got.Items, "after a refresh")

	require.NoError(t, b.session().SetData(t.Context(), nil))
	got = cart{}
	require.NoError(t, b.session().Data(t.Context(), &got))
	assert.Empty(t, got.Items)
}

// TestDataThatIsSetDuringARefreshIsKeptAndSoAreTheTokens sets it while the provider
// is being asked.
func TestDataThatIsSetDuringARefreshIsKeptAndSoAreTheTokens(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	s := newSite(t, func(c *passport.Config) {
		c.HTTPClient = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/oauth/token" && armed.CompareAndSwap(true, false) {
				close(asked)
				<-answer
			}
			return http.DefaultTransport.RoundTrip(r)
		})}
	})
	b := s.signedIn()
	armed.Store(true)
	s.clock.add(25 * time.Hour)
	refreshed := make(chan passport.Secret)
	session := b.session()
	go func() {
		token, err := session.AccessToken(t.Context())
		assert.NoError(t, err)
		refreshed <- token
	}()
	<-asked
	require.NoError(t, b.session().SetData(t.Context(), cart{Items: []string{"shield"}}))
	close(answer)
	token := <-refreshed
	var got cart
	require.NoError(t, b.session().Data(t.Context(), &got))
	assert.Equal(t, []string{"shield"}, got.Items)
	stored, err := b.session().AccessToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, token, stored, "the refreshed token was stored")
	assert.Equal(t, 1, s.refreshes())
}

func TestDataIsBoundedAndBringsNoSessionBack(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session := b.session()
	require.NoError(t, session.SetData(t.Context(), strings.Repeat("x", 8<<10-2)), "with its quotes 8 KB")
	assert.ErrorIs(t, session.SetData(t.Context(), strings.Repeat("x", 8<<10-1)), passport.ErrDataTooLarge)
	assert.ErrorContains(t, session.SetData(t.Context(), func() {}), "JSON")
	var number int
	assert.ErrorContains(t, session.Data(t.Context(), &number), "*int")

	b.logout("Accept", "application/json")
	assert.ErrorIs(t, session.SetData(t.Context(), cart{}), passport.ErrNoSession)
	assert.Empty(t, s.sessions(alice))
}
