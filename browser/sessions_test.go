package browser

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage/localstorage"
)

// The engine asks its store for no ID of another tenant, so a logout would end
// nothing.
func TestWhatALogoutHasTakenIsTheTenants(t *testing.T) {
	s := &sessions{tenant: envelope.NewTenant("https://auth.immutable.com/", "app")}
	assert.True(t, s.tenant.Owns(s.takenID()))
}

// The JavaScript SDK changes the tokens, and leaves alone what stands beside them.
func TestAHeadGoesByTheTokensThatAreThere(t *testing.T) {
	keys, err := seal.New(nil)
	require.NoError(t, err)
	s := &sessions{keys: keys, tenant: envelope.NewTenant("https://auth.immutable.com/", "app")}
	for _, token := range []string{"", "a refresh token"} {
		for _, before := range []bool{true, false} {
			b := beside{Secret: newSecret(), Head: envelope.Head{Begun: 1, RefreshBy: 2, NoRefreshToken: before}}
			h, err := envelope.OpenHead(keys, s.record(localstorage.User{RefreshToken: token}, b, currentID))
			require.NoError(t, err)
			assert.Equal(t, token == "", h.NoRefreshToken)
		}
	}
}
