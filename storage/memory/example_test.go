package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// It is the store of package passport when passport.Config.Store is nil.
func Example() {
	ctx := context.Background()
	store := memory.New(memory.Options{})
	session := storage.Record{ID: "7f3a", Subject: "alice", Expiry: time.Now().Add(time.Hour), Data: []byte("sealed")}
	session, err := store.Save(ctx, session)
	fmt.Println(session.Revision, err)

	ended, err := store.DeleteMatching(ctx, storage.Match{Subject: "alice"})
	fmt.Println(len(ended), err)
	_, err = store.Save(ctx, session) // a refresh that was under way does not bring it back
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// 1 <nil>
	// storage: no such record
}
