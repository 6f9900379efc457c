package localstorage_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/localstorage"
)

// Package browser makes this store by itself. By itself it tells who is signed in,
// also by the JavaScript SDK.
func Example() {
	store, err := localstorage.New(localstorage.Options{
		AuthenticationDomain: "https://auth.immutable.com",
		ClientID:             "your client ID",
	})
	if err != nil {
		fmt.Println(err) // not in a browser, or without storage
		return
	}
	user, err := store.LoadUser(context.Background())
	switch {
	case errors.Is(err, storage.ErrNotFound):
		fmt.Println("nobody is signed in")
	case err == nil:
		fmt.Println("signed in:", user.Subject)
	}
}
