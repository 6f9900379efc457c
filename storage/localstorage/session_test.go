package localstorage

import (
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/storagetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T, now func() time.Time) storage.TokenStore {
		o := options()
		o.Now = now
		return newFake().open(t, o)
	})
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	f := newFake()
	s := f.open(t, options())
	_, err := s.LoadUser(t.Context())
	assert.ErrorIs(t, err, storage.ErrNotFound)

	want := alice(now)
	saved := f.save(t, s, want)
	want.Subject, want.SID, want.Revision = "alice", "s1", saved.Revision
	assert.True(t, equal(want, saved))
	loaded, err := f.open(t, options()).LoadUser(t.Context())
	require.NoError(t, err)
	assert.True(t, equal(want, loaded))

	renewed := alice(now.Add(time.Minute))
	renewed.Revision = saved.Revision
	renewed = f.save(t, s, renewed)
	assert.Greater(t, renewed.Revision, saved.Revision)
	_, err = s.SaveUser(t.Context(), saved)
	assert.ErrorIs(t, err, storage.ErrConflict)
	_, err = s.SaveUser(t.Context(), want)
	assert.ErrorIs(t, err, storage.ErrConflict)
}

func equal(a, b User) bool {
	return a.sameTokens(b) && a.Subject == b.Subject && a.SID == b.SID && a.Revision == b.Revision &&
		a.Expiry.Equal(b.Expiry) && string(a.Extra) == string(b.Extra)
}
