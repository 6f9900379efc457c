//go:build !js

package browser_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/browser"
)

func TestOutsideABrowserThereIsAnError(t *testing.T) {
	_, err := browser.New(browser.Config{})
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	err = browser.LogoutSilentCallback("https://game.example")
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}
