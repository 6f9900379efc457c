package storagetest_test

import (
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
	"github.com/passport-go/passport/storage/storagetest"
)

// In the tests of your store this is a function TestContract(t *testing.T).
func ExampleRun() {
	testContract := func(t *testing.T) {
		storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
			return memory.New(memory.Options{Now: now}) // yours
		})
	}
	_ = testContract
}
