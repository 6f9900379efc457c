package redis

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// Records in format 2: they must stay readable, for Go and for the scripts.
var format2 = strings.Join([]string{
	"02",                      // format
	"01" + "74",               // tenant t
	"0000000000000007",        // revision
	"1122334455667788",        // write
	"427d1a94a207b000",        // expiry: 2000000000.123 s
	"07" + "73657373696f6e",   // session
	"00000005" + "616c696365", // alice
	"00000002" + "7331",       // s1
	"6461746100ff",            // data
}, "")

func TestRecordsOfFormat2StayReadable(t *testing.T) {
	value, err := hex.DecodeString(format2)
	require.NoError(t, err)
	want := storage.Record{ID: "a", Tenant: "t", Kind: storage.KindSession, Subject: "alice", SID: "s1", Revision: 7, Expiry: time.UnixMilli(2_000_000_000_123), Data: []byte("data\x00\xff")}
	got, err := decodeRecord("a", string(value), value)
	require.NoError(t, err)
	assert.Equal(t, want, got)

	client := theServer(t).client(t)
	s := newStore(t, client, Options{})
	key := s.space("a").record("a")
	store := func() { require.NoError(t, client.Set(t.Context(), key, value, time.Hour).Err()) }
	store()
	assertLive(t, s, want)
	want.Data = []byte("newer")
	want = save(t, s, want)
	assert.EqualValues(t, 8, want.Revision)
	store()
	d := deleteAndEnqueue(t, s, "a")
	assert.EqualValues(t, 7, d.Record.Revision)
	assert.Equal(t, "s1", d.Record.SID)
}

func TestRevocationsOfFormat2StayReadable(t *testing.T) {
	value, err := hex.DecodeString("000001d1a94a2000" + "00000003" + format2) // since, attempts, record
	require.NoError(t, err)
	client := theServer(t).client(t)
	s := newStore(t, client, Options{})
	ctx, prefix := t.Context(), string(s.spaces[0])
	require.NoError(t, client.Set(ctx, prefix+"revocation:a", value, time.Hour).Err())
	require.NoError(t, client.ZAdd(ctx, prefix+"due:t", redis.Z{Score: 1_000, Member: "a"}).Err())
	claimed, err := s.Claim(ctx, "t", 1, time.Minute)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	assert.Equal(t, time.UnixMilli(2_000_000_000_000), claimed[0].Since)
	assert.Equal(t, 3, claimed[0].Attempts)
	assert.Equal(t, "data\x00\xff", string(claimed[0].Record.Data))
	require.NoError(t, s.Complete(ctx, claimed[0]))
	assert.Zero(t, client.Exists(ctx, prefix+"revocation:a", prefix+"due:t").Val())
}

// A record that was tampered with ends its own session, and can be cleared away.
func TestADamagedRecordEndsItsSessionAndNoOther(t *testing.T) {
	whole, err := hex.DecodeString(format2)
	require.NoError(t, err)
	client := theServer(t).client(t)
	for name, damage := range map[string]string{
		"empty":                  "",
		"short":                  string(whole[:20]),
		"cut in the subject":     string(whole[:41]),
		"of a newer format":      "\x03" + string(whole[1:]),
		"with an endless length": string(whole[:35]) + "\xff\xff\xff\xff" + string(whole[39:]),
		"text":                   "hello, world, hello, world, hello, world",
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := newStore(t, client, Options{})
			other := save(t, s, newRecord("other"))
			r := save(t, s, newRecord("a"))
			key := s.space("a").record("a")
			spoil := func() { require.NoError(t, client.Set(ctx, key, damage, time.Hour).Err()) }

			spoil()
			_, err := s.Load(ctx, "a")
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assert.ErrorIs(t, err, errDamaged)
			_, err = s.Save(ctx, r)
			assert.ErrorIs(t, err, storage.ErrNotFound)
			listed, err := s.List(ctx, storage.Match{Subject: "alice"})
			assert.NoError(t, err)
			assert.Len(t, listed, 1)
			_, err = s.Delete(ctx, "a")
			assert.ErrorIs(t, err, storage.ErrNotFound)
			assert.Zero(t, client.Exists(ctx, key).Val())

			spoil()
			assertLive(t, s, other)
			removed, err := s.DeleteMatching(ctx, storage.Match{Subject: "alice"})
			assert.NoError(t, err)
			assert.Len(t, removed, 1)
			assert.Zero(t, client.Exists(ctx, key).Val())
		})
	}
}

func TestADamagedRevocationDoesNotHoldUpTheOthers(t *testing.T) {
	var clock clock
	client := theServer(t).client(t)
	s := newStore(t, client, Options{Now: clock.now})
	for _, id := range []string{"a", "b"} {
		save(t, s, newRecord(id))
		deleteAndEnqueue(t, s, id)
	}
	require.NoError(t, client.Set(t.Context(), s.space("a").revocation("a"), "damaged", time.Hour).Err())
	clock.advance(time.Minute)
	revocations, err := s.Claim(t.Context(), "", 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, revocations, 1)
	assert.Equal(t, "b", revocations[0].Record.ID)

	clock.advance(2 * time.Minute)
	require.NoError(t, s.Complete(t.Context(), revocations[0]))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	revocations, err = s.Claim(ctx, "", 10, 0)
	require.NoError(t, err, "it is not claimed again and again")
	assert.Empty(t, revocations)
}

// During a deployment a newer version of this package may share the server. Its
// revocations must not be lost on instances that cannot read them.
func TestWhatANewerVersionWroteStaysEnqueuedUntilItIsRead(t *testing.T) {
	ctx := t.Context()
	var clock clock
	client := theServer(t).client(t)
	s := newStore(t, client, Options{Now: clock.now})
	setFormat := func(key string, at int64, format string) {
		require.NoError(t, client.SetRange(ctx, key, at, format).Err())
	}
	ids := []string{"deleted", "matched", "enqueued", "spared"}
	for _, id := range ids {
		save(t, s, newRecord(id))
		if id == "enqueued" {
			deleteAndEnqueue(t, s, id)
			setFormat(s.space(id).revocation(id), queueHead, "\x03")
			continue
		}
		setFormat(s.space(id).record(id), 0, "\x03")
	}
	_, err := s.DeleteAndEnqueue(ctx, "deleted", time.Minute)
	assert.ErrorIs(t, err, storage.ErrNotFound)
	revocations, err := s.DeleteMatchingAndEnqueue(ctx, storage.Match{Subject: "alice", Except: "spared"}, time.Minute)
	require.NoError(t, err)
	assert.Empty(t, revocations)
	for range 2 {
		clock.advance(time.Minute)
		revocations, err = s.Claim(ctx, "", 10, time.Minute)
		require.NoError(t, err)
		assert.Empty(t, revocations)
	}

	setFormat(s.space("spared").record("spared"), 0, "\x02")
	_, err = s.Load(ctx, "spared")
	assert.NoError(t, err)
	for _, id := range ids[:3] {
		assertGone(t, s, id)
		setFormat(s.space(id).revocation(id), queueHead, "\x02")
	}
	clock.advance(time.Minute)
	revocations, err = s.Claim(ctx, "", 10, time.Minute)
	require.NoError(t, err)
	assert.ElementsMatch(t, ids[:3], idsOf(revocations))
}

func FuzzDecode(f *testing.F) {
	whole, _ := hex.DecodeString(format2)
	f.Add(whole)
	f.Add(append(make([]byte, queueHead), whole...))
	f.Fuzz(func(t *testing.T, value []byte) {
		_, _ = decodeRevocation("a", string(value))
		r, err := decodeRecord("a", string(value), value)
		if err != nil {
			return
		}
		again := appendRecord(nil, r)
		got, err := decodeRecord("a", string(again), again)
		require.NoError(t, err)
		assert.Equal(t, r.Subject, got.Subject)
		assert.Equal(t, r.SID, got.SID)
		assert.Equal(t, r.Data, got.Data)
		assert.Equal(t, r.Revision, got.Revision)
	})
}

func TestWhatIsHandedOutIsNotTheCallersOwn(t *testing.T) {
	s := newStore(t, theServer(t).client(t), Options{})
	r := newRecord("a")
	want := string(r.Data)
	saved := save(t, s, r)
	enqueued, err := s.Enqueue(t.Context(), r, time.Minute)
	require.NoError(t, err)
	clear(r.Data)
	assert.Equal(t, want, string(saved.Data))
	assert.Equal(t, want, string(enqueued.Record.Data))
}
