package keyring_test

import (
	"context"
	"fmt"

	"github.com/passport-go/passport/storage/keyring"
)

// For a desktop program whose user stays signed in from one run to the next: store
// is its Config.Store and key its Config.EncryptionKeys.
func Example() {
	ctx := context.Background()
	store, err := keyring.New(ctx, "Example Game", "player", keyring.Options{})
	if err != nil {
		fmt.Println(err) // no keyring, or it stays locked
		return
	}
	key, err := keyring.Key(ctx, "Example Game", "player's key", keyring.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(store != nil, len(key))
}
