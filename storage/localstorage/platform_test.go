//go:build !js

package localstorage_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/storage/localstorage"
)

func TestOutsideABrowserThereIsAnError(t *testing.T) {
	_, err := localstorage.New(localstorage.Options{AuthenticationDomain: "https://auth.immutable.com", ClientID: "client"})
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}
