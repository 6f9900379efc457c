package passportotel

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// An error that a program knows by name is told from the others, and the page about
// metrics has its name.
func TestEachErrorOfAnOperationHasAType(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	for err, want := range map[error]string{
		passport.ErrStoreUnavailable:                             "store_unavailable",
		passport.ErrKeysUnavailable:                              "keys_unavailable",
		passport.ErrNotRecent:                                    "not_recent",
		passport.ErrInsufficientACR:                              "insufficient_acr",
		fmt.Errorf("%w: the code was used", passport.ErrNoLogin): "no_login",
		&passport.ProviderError{Code: "invalid_grant"}:           "provider_error",
		&passport.SignInRefused{}:                                "refused",
		errors.New("connection refused"):                         "_OTHER",
	} {
		assert.Equal(t, want, errorType(err))
	}
	for _, known := range errorTypes {
		assert.Contains(t, string(page), "`"+known.name+"`")
	}
}
