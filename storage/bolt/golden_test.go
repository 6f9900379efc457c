package bolt_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/bolt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// update writes the golden file anew. That is right only for a format that no
// release has written yet: a new format is a new file beside the old ones.
var update = flag.Bool("update", false, "write testdata/v2.db.gz anew")

const golden = "testdata/v2.db.gz"

// goldenRecords are the records in the golden file, as they were created.
func goldenRecords(now time.Time) []storage.Record {
	return []storage.Record{
		{ID: "one", Tenant: "a tenant", Kind: storage.KindSession, Subject: "alice", SID: "s1", Expiry: now.Add(time.Hour), Data: []byte("first")},
		{ID: "two", Tenant: "a tenant", Kind: storage.KindSession, Subject: "alice", SID: "s2", Expiry: now.Add(time.Hour + 123*time.Microsecond), Data: []byte{0, 1, 255}},
		{ID: "bare", Expiry: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
}

func writeGolden(t *testing.T, clock *clock) {
	t.Helper()
	path := tempPath(t)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: 4096})
	require.NoError(t, err)
	s, err := bolt.New(db, bolt.Options{Now: clock.Now})
	require.NoError(t, err)
	for _, r := range goldenRecords(clock.Now()) {
		save(t, s, r)
	}
	revocation, err := s.Enqueue(t.Context(), goldenRecords(clock.Now())[0], time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Retry(t.Context(), revocation, clock.Now().Add(2*time.Minute)))
	require.NoError(t, db.Close())

	contents, err := os.ReadFile(path)
	require.NoError(t, err)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(contents)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(golden, packed.Bytes(), 0o644))
}

func TestAFileOfFormat2IsReadable(t *testing.T) {
	clock := newClock()
	if *update {
		writeGolden(t, clock)
	}
	packed, err := os.Open(golden)
	require.NoError(t, err)
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	require.NoError(t, err)
	contents, err := io.ReadAll(r)
	require.NoError(t, err)

	s := open(t, writeFile(t, contents), bolt.Options{Now: clock.Now})
	records := goldenRecords(clock.Now())
	for i, r := range records {
		records[i].Revision = 1
		assertStored(t, s, withRevision(r, 1))
	}
	listed, err := s.List(t.Context(), storage.Match{Tenant: "a tenant", Kind: storage.KindSession, Subject: "alice"})
	require.NoError(t, err)
	assert.ElementsMatch(t, records[:2], listed)
	listed, err = s.List(t.Context(), storage.Match{Tenant: "a tenant", Kind: storage.KindSession, SID: "s2"})
	require.NoError(t, err)
	assert.Equal(t, records[1:2], listed)

	claimed, err := s.Claim(t.Context(), "a tenant", 10, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, claimed, "nothing is due yet")
	begun := clock.Now()
	clock.advance(2 * time.Minute)
	claimed, err = s.Claim(t.Context(), "a tenant", 10, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, []storage.Revocation{{
		Record:   goldenRecords(begun)[0],
		Since:    begun,
		Attempts: 1,
		Due:      clock.Now().Add(time.Minute),
	}}, claimed)
}
