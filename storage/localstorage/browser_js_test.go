package localstorage

import (
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// The tests in this file run in a browser; see internal/browsertest.

func TestContractInTheBrowser(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		return openNew(t, Options{ClientID: t.Name(), Now: now})
	})
}

func TestContractOfTwoStoresInTheBrowser(t *testing.T) {
	storagetest.RunShared(t, func(t *testing.T, now func() time.Time) (a, b storage.TokenStore) {
		o := Options{ClientID: t.Name(), Now: now}
		return openNew(t, o), openNew(t, o)
	})
}

func openNew(t testing.TB, o Options) *Store {
	t.Helper()
	o.AuthenticationDomain = "https://auth.immutable.com"
	s, err := New(o)
	require.NoError(t, err)
	return s
}
