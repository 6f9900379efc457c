package storecheck_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/storecheck"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

type embedding struct{ storage.TokenStore }

type field struct {
	embedding
	inner storage.TokenStore
}

// unwrapping has a method that says more than its field.
type unwrapping struct {
	storage.TokenStore
	inner func() storage.TokenStore
}

func (u unwrapping) Unwrap() storage.TokenStore { return u.inner() }

type concrete struct{ *memory.Store }

type lister struct {
	storage.TokenStore
	storage.Lister
}

type tokenStoreAndQueue interface {
	storage.TokenStore
	storage.RevocationQueue
}

type wider struct{ tokenStoreAndQueue }

type notifying struct {
	*memory.Store
	storage.Notifier
}

func TestFind(t *testing.T) {
	store := memory.New(memory.Options{})
	cyclic := &embedding{}
	cyclic.TokenStore = cyclic
	for name, c := range map[string]struct {
		store  storage.TokenStore
		hidden []string
	}{
		"memory":               {store, nil},
		"embedded interface":   {embedding{store}, []string{"storage.RevocationQueue", "storage.RevocationCounter", "storage.Lister"}},
		"pointer to a wrapper": {&embedding{store}, []string{"storage.RevocationQueue", "storage.RevocationCounter", "storage.Lister"}},
		"unexported field":     {&field{inner: store}, []string{"storage.RevocationQueue", "storage.RevocationCounter", "storage.Lister"}},
		"wrapper of a wrapper": {&field{inner: embedding{store}}, []string{"storage.RevocationQueue", "storage.RevocationCounter", "storage.Lister"}},
		"all three":            {embedding{notifying{Store: store}}, []string{"storage.RevocationQueue", "storage.RevocationCounter", "storage.Lister", "storage.Notifier"}},
		"Unwrap":               {unwrapping{inner: func() storage.TokenStore { return store }}, []string{"storage.RevocationQueue", "storage.RevocationCounter", "storage.Lister"}},
		"Unwrap of a wrapper":  {unwrapping{inner: func() storage.TokenStore { return embedding{store} }}, []string{"storage.RevocationQueue", "storage.RevocationCounter", "storage.Lister"}},
		"Unwrap returns nil":   {unwrapping{TokenStore: store, inner: func() storage.TokenStore { return nil }}, nil},
		"embedded type":        {concrete{store}, nil},
		"forwards one":         {lister{store, store}, []string{"storage.RevocationQueue", "storage.RevocationCounter"}},
		"wider interface":      {wider{store}, []string{"storage.RevocationCounter", "storage.Lister"}},
		"nothing inside":       {embedding{}, nil},
		"nil pointer":          {(*embedding)(nil), nil},
		"nothing to hide":      {embedding{embedding{}}, nil},
		"wraps itself":         {cyclic, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var hidden []string
			for _, h := range storecheck.Find(c.store) {
				hidden = append(hidden, h.Interface)
				assert.NotEmpty(t, h.Effect)
			}
			assert.Equal(t, c.hidden, hidden)
		})
	}
}

func TestFindNamesTheStoreThatHasTheInterface(t *testing.T) {
	found := storecheck.Find(&field{inner: embedding{memory.New(memory.Options{})}})
	assert.Equal(t, "*memory.Store", found[0].Wrapped)
}
