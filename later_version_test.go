package passport_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/revocation"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// Instances of two versions share a store while a release is rolled out, and longer if it
// is taken back. What the newer one has written in a form that the older one cannot read
// must still be there for whoever can.

// laterForms are the places in a session's Data that say in which format it is.
var laterForms = map[string]func(t *testing.T, r storage.Record) []byte{
	"record":           func(t *testing.T, r storage.Record) []byte { return raised(r.Data, 0) },
	"seal of the head": func(t *testing.T, r storage.Record) []byte { return raised(r.Data, 3) },
	"seal of the body": func(t *testing.T, r storage.Record) []byte { return raised(r.Data, bodyAt(r.Data)) },
	"tokens": func(t *testing.T, r storage.Record) []byte {
		keys, err := seal.New(someKey())
		require.NoError(t, err)
		h, err := envelope.OpenHead(keys, r)
		require.NoError(t, err)
		return envelope.Seal(keys, r, h, []byte{200, 'l', 'a', 't', 'e', 'r'}).Data
	},
}

func bodyAt(data []byte) int { return 3 + int(binary.BigEndian.Uint16(data[1:])) }

func raised(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at]++
	return data
}

// eachLaterForm runs a test with a user who has signed in, and whose session a later
// version has written since.
func eachLaterForm(t *testing.T, test func(t *testing.T, form string, s *site, b *browser, store *memory.Store, ours, later storage.Record)) {
	for form, change := range laterForms {
		t.Run(form, func(t *testing.T) {
			var store *memory.Store
			s := newSite(t, func(c *passport.Config) {
				store = memory.New(memory.Options{Now: c.Now})
				c.Store, c.EncryptionKeys = store, someKey()
			})
			b := s.signedIn()
			ours, err := store.Load(t.Context(), b.session().ID())
			require.NoError(t, err)
			later := ours
			later.Data = change(t, ours)
			later, err = store.Save(t.Context(), later)
			require.NoError(t, err)
			test(t, form, s, b, store, ours, later)
		})
	}
}

func TestASessionInTheFormOfALaterVersionIsLeftAlone(t *testing.T) {
	eachLaterForm(t, func(t *testing.T, form string, s *site, b *browser, store *memory.Store, ours, later storage.Record) {
		shown := b.get("/").body
		if form == "record" || form == "seal of the head" {
			assert.Equal(t, "nobody", shown)
		} else {
			_, err := b.session().AccessToken(t.Context())
			assert.ErrorIs(t, err, passport.ErrNoSession)
		}
		assert.NotEmpty(t, b.cookie("passport"), "the browser keeps its session")
		there, err := store.Load(t.Context(), ours.ID)
		require.NoError(t, err)
		assert.Equal(t, later.Data, there.Data)
		assert.Empty(t, s.events.named("session.lost"))
		assert.Empty(t, s.auth.Requests("/oauth/revoke"))

		there.Data = ours.Data // as if by a version that reads both
		_, err = store.Save(t.Context(), there)
		require.NoError(t, err)
		assert.Equal(t, alice, b.get("/").body)
	})
}

// A logout at an old instance ends a session of a newer one, and the revocation is still
// owed to whoever can read the token.
func TestARevocationInTheFormOfALaterVersionStaysInTheQueue(t *testing.T) {
	eachLaterForm(t, func(t *testing.T, form string, s *site, b *browser, store *memory.Store, ours, later storage.Record) {
		if form == "seal of the head" { // which a revocation does without
			b.logout()
			s.revoked(1)
			return
		}
		b.logout()
		_, err := store.Load(t.Context(), ours.ID)
		require.ErrorIs(t, err, storage.ErrNotFound)
		pending, err := s.p.PendingRevocations(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, pending.Pending)
		require.NoError(t, s.p.Close(t.Context()))
		assert.Empty(t, s.events.named("revocation.failed"))

		s.clock.add(revocation.Lease)
		owed, err := store.Claim(t.Context(), ours.Tenant, 10, revocation.Lease)
		require.NoError(t, err)
		require.Len(t, owed, 1)
		assert.Equal(t, later.Data, owed[0].Record.Data)
		assert.Zero(t, owed[0].Attempts, "which count towards nothing")
		assert.Empty(t, s.auth.Requests("/oauth/revoke"))

		require.NoError(t, store.Complete(t.Context(), owed[0]))
		_, err = store.Enqueue(t.Context(), ours, time.Nanosecond) // as if for a version that reads it
		require.NoError(t, err)
		s.clock.add(time.Second)
		_, err = newPassport(t, s.c).Session(t.Context(), passport.Secret(b.cookie("passport"))) // begins with what is owed
		require.ErrorIs(t, err, passport.ErrNoSession)
		s.revoked(1)
		assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
	})
}
