package bolt_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/passport-go/passport/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStoreKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		s, err := bolt.Open(filepath.Join(t.TempDir(), "sessions.db"), bolt.Options{Now: now})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, s.Close()) })
		return s
	})
}
