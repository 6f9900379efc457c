package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

var update = flag.Bool("update", false, "write the golden files anew")

func testKeys(t testing.TB) *seal.Keys {
	t.Helper()
	keys, err := seal.New([][]byte{bytes.Repeat([]byte{7}, seal.KeySize)})
	require.NoError(t, err)
	return keys
}

var (
	goldenHead   = Head{Begun: 1_790_000_000, End: 1_792_592_000, Seen: 1_790_000_100, RefreshBy: 1_790_000_130, Label: "Firefox on a desktop"}
	goldenTokens = Tokens{
		IDToken: "header.payload.signature", AccessToken: "access", RefreshToken: "refresh",
		TokenType: "Bearer", Scope: "openid email", ExpiresAt: 1_790_086_400,
	}
	goldenRecord = storage.Record{ID: "an id", Tenant: "a tenant", Kind: storage.KindSession, Subject: "email|alice", SID: "a sid"}
)

// A session that was stored by a released version has to open in this one. A
// record is never the same twice, so the golden file is read and not compared;
// -update adds one when the format grows a version.
func TestOldRecordsStillOpen(t *testing.T) {
	keys := testKeys(t)
	if *update {
		data := Seal(keys, goldenRecord, goldenHead, Pack(goldenJWTs().Marshal())).Data
		text := base64.StdEncoding.EncodeToString(data) + "\n"
		require.NoError(t, os.WriteFile("testdata/session-5.b64", []byte(text), 0o644))
	}
	files, err := filepath.Glob("testdata/session-*.b64")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		r := goldenRecord
		r.Data, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
		require.NoError(t, err)

		h, err := OpenHead(keys, r)
		require.NoError(t, err, file)
		assert.Equal(t, goldenHead, h, file)
		got, err := OpenTokens(keys, r)
		require.NoError(t, err, file)
		want := goldenTokens
		if !strings.HasSuffix(file, "-3.b64") {
			want = goldenJWTs()
		}
		assert.Equal(t, want, got, file)
	}
}

// goldenJWTs are tokens that are packed.
func goldenJWTs() Tokens {
	t := goldenTokens
	t.IDToken = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
	t.AccessToken = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."
	return t
}

func TestARecordIsBoundToItsPlaceAndItsIndex(t *testing.T) {
	keys := testKeys(t)
	sealed := Seal(keys, goldenRecord, goldenHead, goldenTokens.Marshal())
	for name, move := range map[string]func(*storage.Record){
		"id":               func(r *storage.Record) { r.ID = "another id" },
		"tenant":           func(r *storage.Record) { r.Tenant = "another tenant" },
		"kind":             func(r *storage.Record) { r.Kind = storage.KindLogin },
		"subject":          func(r *storage.Record) { r.Subject = "email|mallory" },
		"sid":              func(r *storage.Record) { r.SID = "" },
		"between its keys": func(r *storage.Record) { r.Subject, r.SID = r.Subject+"a", " sid" },
	} {
		moved := sealed
		move(&moved)
		_, err := OpenHead(keys, moved)
		assert.ErrorIs(t, err, ErrBroken, name)
		_, err = OpenTokens(keys, moved)
		assert.ErrorIs(t, err, ErrBroken, name)
	}
}

func TestARecordsPartsCannotBeSwapped(t *testing.T) {
	keys := testKeys(t)
	a := Seal(keys, goldenRecord, goldenHead, goldenTokens.Marshal())
	withLength := a.Data[:3+int(binary.BigEndian.Uint16(a.Data[1:3]))]
	forged := a
	forged.Data = append(bytes.Clone(withLength), withLength[3:]...)
	_, err := OpenTokens(keys, forged)
	assert.ErrorIs(t, err, seal.ErrOpen, "a head is no body")
}

func TestLargeHeadsAndTokensSurvive(t *testing.T) {
	keys := testKeys(t)
	h, toks := goldenHead, goldenTokens
	h.Label = strings.Repeat("L", 2000)
	toks.IDToken = strings.Repeat("i", 200_000)
	r := goldenRecord
	r.Subject = strings.Repeat("s", 5000)
	r = Seal(keys, r, h, toks.Marshal())
	got, err := OpenHead(keys, r)
	require.NoError(t, err)
	assert.Equal(t, h, got)
	opened, err := OpenTokens(keys, r)
	require.NoError(t, err)
	assert.Equal(t, toks, opened)
}

func FuzzOpenRecord(f *testing.F) {
	keys := testKeys(f)
	f.Add(Seal(keys, goldenRecord, goldenHead, goldenTokens.Marshal()).Data)
	f.Add([]byte{1, 0, 0})
	f.Add([]byte{1, 255, 255, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := goldenRecord
		r.Data = data
		if _, err := OpenHead(keys, r); err != nil {
			require.ErrorIs(t, err, ErrBroken)
		}
		if _, err := OpenTokens(keys, r); err != nil {
			require.ErrorIs(t, err, ErrBroken)
		}
	})
}
