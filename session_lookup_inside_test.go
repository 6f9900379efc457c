package passport

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// TestSecretsAreKeptOfSessionsThatWereFound pins what the memo of session ids may
// hold: the secrets of sessions that were found, until they are found gone.
func TestSecretsAreKeptOfSessionsThatWereFound(t *testing.T) {
	p := benchPassport(t, nil)
	known := func(secret Secret) bool {
		_, remembered := p.records.SessionID(secret.Reveal())
		return remembered
	}

	stranger := Secret(records.NewSecret())
	_, err := p.Session(t.Context(), stranger)
	require.ErrorIs(t, err, ErrNoSession)
	assert.False(t, known(stranger), "what somebody made up drives out nobody")

	secret := benchSession(t, p, "alice", "sid")
	for range 2 {
		s, err := p.Session(t.Context(), secret)
		require.NoError(t, err)
		assert.Equal(t, p.records.ID(storage.KindSession, secret.Reveal()), s.ID())
		assert.True(t, known(secret))
	}

	_, err = p.records.Delete(t.Context(), p.records.ID(storage.KindSession, secret.Reveal())) // as another Passport could
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

// readOnly is a store that does not answer who wants to change a record, as a
// database does not whose row is locked.
type readOnly struct{ *memory.Store }

func (s readOnly) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if r.Revision == 0 {
		return s.Store.Save(ctx, r)
	}
	<-ctx.Done()
	return storage.Record{}, ctx.Err()
}

func TestARequestDoesNotWaitForeverForItsUseToBeWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Config{
			ClientID: "client", RedirectURI: "https://app.example.com/",
			Store: readOnly{memory.New(memory.Options{})}, EncryptionKeys: [][]byte{[]byte("a key of exactly thirty-two byte")},
		})
		require.NoError(t, err)
		id := p.storeSession(t, "rt")
		time.Sleep(2 * p.touchEvery())

		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, p.findByID(ctx, id, &Session{}))
		assert.LessOrEqual(t, time.Since(began), records.Timeout)
	})
}
