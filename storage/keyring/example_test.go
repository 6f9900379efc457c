package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/passport-go/passport/storage/keyring"
)

// For a desktop program whose user stays signed in from one run to the next: store
// is its Config.Store, and key the one of its Config.EncryptionKeys.
func Example() {
	ctx := context.Background()
	store, err := keyring.New(ctx, "Example Game", "player", keyring.Options{})
	if errors.Is(err, keyring.ErrNoKeyring) {
		fmt.Println(err) // use storage/file
		return
	}
	if err != nil {
		log.Fatal(err) // such as keyring.ErrLocked
	}
	key, err := keyring.Key(ctx, "Example Game", "player", keyring.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store != nil, len(key))
}
