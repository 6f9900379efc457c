package use

import (
	"context"
	"errors"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/keyring"
)

// Check needs no keyring: without the names of the item there is an error.
func Check(ctx context.Context) error {
	store, err := keyring.New(ctx, "", "", keyring.Options{})
	_ = passport.Config{Store: store}
	if err == nil {
		return errors.New("a keyring without a name")
	}
	return nil
}
