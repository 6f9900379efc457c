package memory

import (
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
)

var (
	_ storage.TokenStore = (*Store)(nil)
	_ storage.Lister     = (*Store)(nil)
	_ storage.Ledger     = (*Store)(nil)
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(_ *testing.T, now func() time.Time) storage.TokenStore {
		return New(Options{Now: now})
	})
}
