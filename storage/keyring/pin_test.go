package keyring_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/file"
	"github.com/passport-go/passport/storage/keyring"
)

var _ file.Pin = (*keyring.Pin)(nil)

func TestAPinKeepsItsValue(t *testing.T) {
	user, opts := newUser(), keyOptions(t)
	pin, err := keyring.NewPin(service, user, opts)
	require.NoError(t, err)
	value, err := pin.Get(t.Context())
	require.NoError(t, err)
	assert.Empty(t, value)
	require.NoError(t, pin.Set(t.Context(), "one two"))

	again, err := keyring.NewPin(service, user, opts)
	require.NoError(t, err)
	value, err = again.Get(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "one two", value)
	_, err = keyring.NewPin("", user, opts)
	assert.ErrorContains(t, err, "must not be empty")
}
