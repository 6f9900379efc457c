package storage_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// A write succeeds only if the record is still the one that was read.
func ExampleTokenStore() {
	ctx := context.Background()
	var store storage.TokenStore = memory.New(memory.Options{})
	mine, err := store.Save(ctx, storage.Record{ID: "7f3a", Subject: "alice", Expiry: time.Now().Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	theirs := mine

	theirs.Data = []byte("theirs")
	_, err = store.Save(ctx, theirs)
	fmt.Println(err)

	mine.Data = []byte("mine")
	_, err = store.Save(ctx, mine)
	fmt.Println(errors.Is(err, storage.ErrConflict))
	// Output:
	// <nil>
	// true
}
