//go:build !js

package localstorage

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// update writes the golden file anew. That is right only for forms that no release has
// written yet: a new form is a new file beside the old ones.
var update = flag.Bool("update", false, "write testdata/stored-1.json anew")

const goldenStored = "testdata/stored-1.json"

// stored is what a browser keeps of a site: localStorage, and the document in IndexedDB.
// The program that left it there is one that the site has had before.
type stored struct {
	Items    map[string]string `json:"items"`
	Document string            `json:"document"`
}

func (s stored) open(t *testing.T) *Store {
	f := newFake()
	for name, value := range s.Items {
		f.items[name] = value
	}
	f.document = s.Document
	return f.open(t, options())
}

// goldenUser is who is signed in, in the golden file.
func goldenUser() User {
	u := alice(now)
	u.TokenExpiry = now.Add(time.Hour)
	return u
}

func writeStored(t *testing.T) {
	all := map[string]stored{}
	for _, state := range []string{"signed in", "signed out", "signed out in the next moment"} {
		f := newFake()
		s := f.open(t, options())
		_, err := s.Save(t.Context(), storage.Record{ID: "state", Kind: storage.KindBrowser, Expiry: now.Add(time.Hour), Data: []byte("the driver's own")})
		require.NoError(t, err)
		save(t, s, goldenUser())
		if state != "signed in" {
			require.NoError(t, s.SignOut("a logout"))
		}
		if state == "signed out" {
			_, err := s.CompleteSignOut(t.Context(), byToken, time.Minute)
			require.NoError(t, err)
		}
		all[state] = stored{f.items, f.document}
	}
	text, err := json.MarshalIndent(all, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(goldenStored, append(text, '\n'), 0o644))
}

func TestWhatTheFirstVersionHasStoredIsReadable(t *testing.T) {
	if *update {
		writeStored(t)
	}
	text, err := os.ReadFile(goldenStored)
	require.NoError(t, err)
	var all map[string]stored
	require.NoError(t, json.Unmarshal(text, &all))

	s := all["signed in"].open(t)
	want := goldenUser()
	want.Subject, want.SID, want.Revision = "alice", "s1", firstRevision(now)
	assertLoads(t, s, want)
	own, err := s.Load(t.Context(), "state")
	require.NoError(t, err)
	assert.Equal(t, "the driver's own", string(own.Data))

	s = all["signed out in the next moment"].open(t)
	_, err = s.LoadUser(t.Context())
	require.ErrorIs(t, err, storage.ErrNotFound)
	logout, at, err := s.PendingSignOut()
	require.NoError(t, err)
	assert.Equal(t, "a logout", logout)
	assert.Equal(t, now.UnixMilli(), at.UnixMilli())
	owed, err := s.CompleteSignOut(t.Context(), byToken, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, want.RefreshToken, owed.Record.ID)
	require.NoError(t, s.ForgetSignOut(logout))

	s = all["signed out"].open(t)
	_, err = s.CompleteSignOut(t.Context(), byToken, time.Minute)
	require.ErrorIs(t, err, storage.ErrNotFound, "the note says that it was completed")
	assert.Equal(t, []string{want.RefreshToken}, claim(t, s, time.Hour))
}
