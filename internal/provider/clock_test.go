package provider_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/provider"
)

// cached has a cache in front of the provider's keys, which got them an hour ago.
func (o *op) cached(saysSo bool) {
	o.serve("/keys", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		if saysSo {
			w.Header().Set("Age", strconv.Itoa(3600))
		}
		writeJSON(w, map[string]any{"keys": []any{o.jwk()}})
	})
}

// What a provider has issued by now, a logout has to end.
func TestTheProvidersTimeIsNotThatOfAResponseInACache(t *testing.T) {
	o := newOP(t)
	o.cached(true)
	c := o.client()
	require.NoError(t, c.Check(t.Context()))
	assert.False(t, c.Clock().Before(time.Now().Truncate(time.Second)), c.Clock())
	assert.WithinDuration(t, time.Now(), c.Clock(), 5*time.Second)
	assert.WithinDuration(t, time.Now(), c.Now(), 5*time.Second)
}

func TestTheProvidersTimeIsNotBeforeWhatItHasIssued(t *testing.T) {
	o := newOP(t)
	o.cached(false)
	issued := time.Now().Truncate(time.Second)
	for name, verify := range map[string]func(*provider.Client) error{
		"a bearer token": func(c *provider.Client) error {
			_, err := c.VerifyBearerToken(t.Context(), o.signClaims(o.idClaims(map[string]any{"iat": issued.Unix()})))
			return err
		},
		"an ID token": func(c *provider.Client) error {
			_, err := c.VerifyIDToken(t.Context(), o.signClaims(o.idClaims(map[string]any{"iat": issued.Unix()})))
			return err
		},
	} {
		c := o.client()
		require.NoError(t, c.Check(t.Context()))
		assert.WithinDuration(t, time.Now().Add(-time.Hour), c.Clock(), 5*time.Second)
		require.NoError(t, verify(c), name)
		assert.False(t, c.Clock().Before(issued), "%s: %v", name, c.Clock())
		assert.WithinDuration(t, issued, c.Clock(), 5*time.Second, name)
	}
}

// A clock that is off by more is to be put right, and must not make credentials look newer.
func TestTheProvidersTimeForAgesDiffersByTheLeewayAtMost(t *testing.T) {
	o := newOP(t)
	o.cached(false)
	c := o.client()
	require.NoError(t, c.Check(t.Context()))
	assert.WithinDuration(t, time.Now().Add(-time.Minute), c.Now(), 5*time.Second)
}
