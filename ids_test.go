package passport

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// TestSecretsAreKeptOfSessionsThatWereFound pins what the memo of session ids may
// hold: the secrets of sessions that were found, until they are found gone.
func TestSecretsAreKeptOfSessionsThatWereFound(t *testing.T) {
	p := benchPassport(t, nil)
	known := func(secret Secret) bool {
		_, remembered := p.ids.Session(p.c.tenant, secret.Reveal())
		return remembered
	}

	stranger := newID()
	_, err := p.Session(t.Context(), stranger)
	require.ErrorIs(t, err, ErrNoSession)
	assert.False(t, known(stranger), "what somebody made up drives out nobody")

	secret := benchSession(t, p, "alice", "sid")
	for range 2 {
		s, err := p.Session(t.Context(), secret)
		require.NoError(t, err)
		assert.Equal(t, p.storeID(storage.KindSession, secret), s.ID())
		assert.True(t, known(secret))
	}

	_, err = p.store.Delete(t.Context(), p.storeID(storage.KindSession, secret)) // as another Passport could
	require.NoError(t, err)
	_, err = p.Session(t.Context(), secret)
	require.ErrorIs(t, err, ErrNoSession, "it is the store that counts")
	assert.False(t, known(secret), "and nothing is left")

	secret = benchSession(t, p, "alice", "sid")
	_, err = p.Session(t.Context(), secret)
	require.NoError(t, err)
	require.True(t, known(secret))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	r.AddCookie(&http.Cookie{Name: p.http.session, Value: secret.Reveal()})
	p.Logout(w, r)
	assert.Equal(t, http.StatusSeeOther, w.Code)
	assert.False(t, known(secret), "nor after a logout")

	secret = benchSession(t, p, "alice", "sid")
	_, err = p.Session(t.Context(), secret)
	require.NoError(t, err)
	p.replace(t.Context(), secret, "another")
	assert.False(t, known(secret), "nor after the next login")
}
