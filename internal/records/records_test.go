package records

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// watched is a store that can fail, and that counts.
type watched struct {
	storage.TokenStore

	mu    sync.Mutex
	loads int
	saves int
	save  func() error // before each Save
}

func (w *watched) Load(ctx context.Context, id string) (storage.Record, error) {
	w.mu.Lock()
	w.loads++
	w.mu.Unlock()
	return w.TokenStore.Load(ctx, id)
}

func (w *watched) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	w.mu.Lock()
	w.saves++
	hook := w.save
	w.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return r, err
		}
	}
	return w.TokenStore.Save(ctx, r)
}

func newRecords(t *testing.T, now func() time.Time) (*Records, *watched) {
	t.Helper()
	keys, err := seal.New([][]byte{bytes.Repeat([]byte{7}, seal.KeySize)})
	require.NoError(t, err)
	store := &watched{TokenStore: memory.New(memory.Options{})}
	return New(store, keys, envelope.NewTenant("issuer", "client"), now), store
}

// counted is a record whose body is a number of bytes, which add adds to.
func counted(r *Records) storage.Record {
	rec := r.New("count", "secret")
	rec.Expiry = time.Now().Add(time.Hour)
	return rec
}

func add(t *testing.T, r *Records) Edit {
	return func(rec storage.Record) (storage.Record, bool, error) {
		var body []byte
		if rec.Revision > 0 {
			var err error
			body, err = r.Open(rec)
			require.NoError(t, err)
		}
		return r.Seal(rec, append(body, 'x')), true, nil
	}
}

func count(t *testing.T, r *Records) int {
	t.Helper()
	rec, err := r.Load(t.Context(), r.ID("count", "secret"))
	if errors.Is(err, storage.ErrNotFound) {
		return 0
	}
	require.NoError(t, err)
	body, err := r.Open(rec)
	require.NoError(t, err)
	return len(body)
}

func TestPlausibleSecretsAreOfOurAlphabetAndLength(t *testing.T) {
	id := NewSecret()
	assert.NotEqual(t, id, NewSecret())
	assert.True(t, Plausible(id))
	assert.False(t, Plausible(id[1:]))
	assert.False(t, Plausible(id+"A"))
	for c := range 256 {
		ours := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
		for _, at := range []int{0, 20, IDLength - 1} {
			assert.Equal(t, ours, Plausible(id[:at]+string([]byte{byte(c)})+id[at+1:]), "%q at %d", c, at)
		}
	}
}

func TestNoChangeGetsLostHoweverManyAreMadeAtOnce(t *testing.T) {
	r, _ := newRecords(t, time.Now)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { assert.NoError(t, r.Upsert(t.Context(), counted(r), add(t, r))) })
	}
	all.Wait()
	assert.Equal(t, 20, count(t, r))

	rec, err := r.Load(t.Context(), r.ID("count", "secret"))
	require.NoError(t, err)
	for range 20 { // all from the same version on
		all.Go(func() {
			_, err := r.Change(t.Context(), rec, add(t, r))
			assert.NoError(t, err)
		})
	}
	for range 20 {
		all.Go(func() { assert.NoError(t, r.Amend(t.Context(), rec.ID, add(t, r))) })
	}
	all.Wait()
	assert.Equal(t, 60, count(t, r))
}

func TestAnUpsertOfWhatIsNotThereIsOneCall(t *testing.T) {
	r, store := newRecords(t, time.Now)
	require.NoError(t, r.Upsert(t.Context(), counted(r), add(t, r)))
	assert.Zero(t, store.loads)
	assert.Equal(t, 1, store.saves)
}

func TestAChangeBringsNothingBack(t *testing.T) {
	r, store := newRecords(t, time.Now)
	require.NoError(t, r.Amend(t.Context(), r.ID("count", "secret"), add(t, r)), "there is none")
	require.NoError(t, r.Upsert(t.Context(), counted(r), add(t, r)))
	rec, err := r.Load(t.Context(), r.ID("count", "secret"))
	require.NoError(t, err)

	store.save = func() error { // it ends between the edit and the Save
		_, err := store.Delete(t.Context(), rec.ID)
		if !errors.Is(err, storage.ErrNotFound) {
			require.NoError(t, err)
		}
		return nil
	}
	_, err = r.Change(t.Context(), rec, add(t, r))
	assert.ErrorIs(t, err, storage.ErrNotFound)
	store.save = nil
	assert.Zero(t, count(t, r))

	require.NoError(t, r.Upsert(t.Context(), rec, add(t, r)))
}

func TestAnUpsertBeginsAnewWhenTheRecordEndsMeanwhile(t *testing.T) {
	r, store := newRecords(t, time.Now)
	require.NoError(t, r.Upsert(t.Context(), counted(r), add(t, r)))
	id, first := r.ID("count", "secret"), true
	store.save = func() error {
		if !first { // the first is a conflict; the second finds nothing
			_, _ = store.Delete(t.Context(), id)
			store.save = nil
		}
		first = false
		return nil
	}
	require.NoError(t, r.Upsert(t.Context(), counted(r), add(t, r)))
	assert.Equal(t, 1, count(t, r))
}

func TestARecordThatHasExpiredHereIsChangedOnlyIfItLives(t *testing.T) {
	now := time.Now()
	r, _ := newRecords(t, func() time.Time { return now })
	require.NoError(t, r.Upsert(t.Context(), counted(r), add(t, r)))
	rec, err := r.Load(t.Context(), r.ID("count", "secret"))
	require.NoError(t, err)
	now = rec.Expiry
	_, err = r.Change(t.Context(), rec, add(t, r))
	assert.ErrorIs(t, err, storage.ErrNotFound)

	longer := rec // another request keeps it alive
	longer.Expiry = rec.Expiry.Add(time.Hour)
	_, err = r.Save(t.Context(), longer)
	require.NoError(t, err)
	_, err = r.Change(t.Context(), rec, add(t, r))
	assert.NoError(t, err)
	assert.Equal(t, 2, count(t, r))
}

func TestAFailureEndsAChange(t *testing.T) {
	r, store := newRecords(t, time.Now)
	down := errors.New("down")
	store.save = func() error { return down }
	assert.ErrorIs(t, r.Upsert(t.Context(), counted(r), add(t, r)), down)
	assert.Equal(t, 1, store.saves)
}

func TestWhatIsUndoneIsOursAlone(t *testing.T) {
	r, _ := newRecords(t, time.Now)
	ours := r.Seal(counted(r), []byte("ours"))
	require.NoError(t, r.Undo(t.Context(), ours, nil), "it was not stored")
	_, err := r.Save(t.Context(), ours)
	require.NoError(t, err)
	require.NoError(t, r.Undo(t.Context(), r.Seal(counted(r), []byte("another's")), nil))
	there, err := r.Exists(t.Context(), ours.ID)
	require.NoError(t, err)
	assert.True(t, there)
	require.NoError(t, r.Undo(t.Context(), ours, fmt.Errorf("save: %w", circuit.ErrOpen)), "what was never sent is not looked for")
	there, err = r.Exists(t.Context(), ours.ID)
	require.NoError(t, err)
	assert.True(t, there)
	require.NoError(t, r.Undo(t.Context(), ours, nil))
	there, err = r.Exists(t.Context(), ours.ID)
	require.NoError(t, err)
	assert.False(t, there)
}

func TestANoteMayBeThereAlready(t *testing.T) {
	r, _ := newRecords(t, time.Now)
	require.NoError(t, r.Note(t.Context(), counted(r)))
	require.NoError(t, r.Note(t.Context(), counted(r)))
	require.NoError(t, r.Drop(t.Context(), counted(r).ID))
	require.NoError(t, r.Drop(t.Context(), counted(r).ID), "nor need it be there to be dropped")
}

func TestTheStoreIsWaitedForOnlySoLong(t *testing.T) {
	r, _ := newRecords(t, time.Now)
	type key struct{}
	gone, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "the request's"))
	cancel()
	ctx, done := r.Bound(gone)
	defer done()
	assert.NoError(t, ctx.Err(), "it does not end with the request")
	deadline, bounded := ctx.Deadline()
	assert.True(t, bounded)
	assert.LessOrEqual(t, time.Until(deadline), Timeout)

	inProcess := New(memory.New(memory.Options{}), r.keys, r.tenant, time.Now)
	ctx, done = inProcess.Bound(gone)
	defer done()
	_, bounded = ctx.Deadline()
	assert.False(t, bounded, "no timer for a store that keeps nobody waiting")
	assert.NoError(t, ctx.Err(), "nor does that end with the request")
	assert.Equal(t, "the request's", ctx.Value(key{}), "what is told of it is")
}

// A session is packed for a store outside this process, and not for one in it, where it is
// opened more often than it is stored.
func TestASessionIsPackedForAStoreOutsideTheProcess(t *testing.T) {
	outside, _ := newRecords(t, time.Now)
	inside := New(memory.New(memory.Options{}), outside.Keys(), envelope.NewTenant("issuer", "client"), time.Now)
	token := strings.Repeat("eyJh", 300) + "." + strings.Repeat("eyJh", 100)
	body := envelope.Tokens{IDToken: token, AccessToken: token, RefreshToken: "refresh"}.Marshal()
	sizes := map[*Records]int{}
	for _, r := range []*Records{outside, inside} {
		rec := r.SealSession(r.New(storage.KindSession, "secret"), Head{}, body)
		sizes[r] = len(rec.Data)
		opened, err := r.OpenAccessTokenOnce(&rec)
		require.NoError(t, err)
		assert.Equal(t, token, opened.Token)
	}
	assert.Greater(t, sizes[inside], 3200)
	assert.Less(t, sizes[outside], 2600)
}

func TestTheHeadOfANewSessionIsKeptWhereTheStoreHasAPlace(t *testing.T) {
	far, store := newRecords(t, time.Now)
	near := New(store.TokenStore, far.Keys(), envelope.NewTenant("issuer", "client"), time.Now)
	for secret, r := range map[string]*Records{"far": far, "near": near} {
		rec := r.New(storage.KindSession, secret)
		rec.Expiry = time.Now().Add(time.Hour)
		saved, err := r.Save(t.Context(), r.SealSession(rec, Head{Begun: 1}, nil))
		require.NoError(t, err)
		r.KeepHead(&saved)
		loaded, err := r.Load(t.Context(), rec.ID)
		require.NoError(t, err)
		assert.Equal(t, r.InProcess(), loaded.Decoded() != nil, secret)
	}
}
