package notice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// farAway is a store that takes its time, and has no notices.
type farAway struct{ storage.TokenStore }

func (f farAway) Load(ctx context.Context, id string) (storage.Record, error) {
	time.Sleep(50 * time.Millisecond)
	return f.TokenStore.Load(ctx, id)
}

func bubble(t *testing.T, f func(t *testing.T, w *Watcher, store storage.TokenStore)) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		store := farAway{memory.New(memory.Options{})}
		f(t, NewWatcher(Config{Store: store, Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}), store)
		group.Finish(t.Context())
	})
}

func stored(t *testing.T, store storage.TokenStore, id string, life time.Duration) string {
	t.Helper()
	_, err := store.Save(t.Context(), storage.Record{ID: id, Data: []byte("x"), Expiry: time.Now().Add(life)})
	require.NoError(t, err)
	return id
}

// deleted is done by an instance that nobody hears.
func deleted(t *testing.T, store storage.TokenStore, id string) {
	t.Helper()
	_, err := store.Delete(t.Context(), id)
	require.NoError(t, err)
}

func TestManyListenersOfAStoreThatIsFarAwayAllHearInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *Watcher, store storage.TokenStore) {
		var watched []*Listener
		for i := range 2000 {
			watched = append(watched, w.Watch(t.Context(), stored(t, store, fmt.Sprint(i), time.Hour)))
		}
		time.Sleep(2 * recheckEvery)
		synctest.Wait()
		for i := range watched {
			deleted(t, store, fmt.Sprint(i))
		}
		began := time.Now()
		for _, l := range watched {
			<-l.Ended()
		}
		assert.LessOrEqual(t, time.Since(began), 2*recheckEvery)
	})
}

func TestANoticeThatGetsLostIsNoticedAllTheSame(t *testing.T) {
	bubble(t, func(t *testing.T, w *Watcher, store storage.TokenStore) {
		l := w.Watch(t.Context(), stored(t, store, "a", time.Hour))
		synctest.Wait()
		deleted(t, store, "a")
		began := time.Now()
		<-l.Ended()
		assert.LessOrEqual(t, time.Since(began), recheckEvery+time.Second)
	})
}

func TestASessionThatHasEndedAlreadyIsNoticedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *Watcher, _ storage.TokenStore) {
		began := time.Now()
		<-w.Watch(t.Context(), "gone").Ended()
		assert.Less(t, time.Since(began), time.Second)
	})
}

func TestAListenerHearsOfASessionThatExpires(t *testing.T) {
	bubble(t, func(t *testing.T, w *Watcher, store storage.TokenStore) {
		began := time.Now()
		<-w.Watch(t.Context(), stored(t, store, "a", time.Hour)).Ended()
		assert.InDelta(t, time.Hour, time.Since(began), float64(recheckEvery))
	})
}

func TestAWatchIsForgottenWithItsRequest(t *testing.T) {
	bubble(t, func(t *testing.T, w *Watcher, store storage.TokenStore) {
		ctx, cancel := context.WithCancel(t.Context())
		l := w.Watch(ctx, stored(t, store, "a", time.Hour))
		assert.Len(t, w.board.IDs(), 1)
		cancel()
		synctest.Wait()
		assert.Empty(t, w.board.IDs())
		assert.True(t, closed(l), "who is told of nothing any more must not go on")
	})
}

func TestNobodyListensAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		store := memory.New(memory.Options{})
		w := NewWatcher(Config{Store: store, Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		before := w.Watch(t.Context(), stored(t, store, "a", time.Hour))
		group.Finish(t.Context())
		synctest.Wait()
		assert.True(t, closed(before))
		assert.True(t, closed(w.Watch(t.Context(), "a")))
		assert.Empty(t, w.board.IDs())
	})
}

// busy counts the calls that it has not answered yet.
type busy struct {
	farAway
	asked atomic.Int32
}

func (b *busy) Load(ctx context.Context, id string) (storage.Record, error) {
	b.asked.Add(1)
	defer b.asked.Add(-1)
	return b.farAway.Load(ctx, id)
}

// The program closes its store after its Passport.
func TestTheStoreIsNotInUseAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group, store := tasks.New(), &busy{farAway: farAway{memory.New(memory.Options{})}}
		w := NewWatcher(Config{Store: store, Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		w.Watch(t.Context(), stored(t, store, "a", time.Hour))
		time.Sleep(recheckEvery)
		synctest.Wait()
		require.EqualValues(t, 1, store.asked.Load(), "in the middle of a look")
		group.Finish(t.Context())
		assert.Zero(t, store.asked.Load())
	})
}

func closed(l *Listener) bool {
	select {
	case <-l.Ended():
		return true
	default:
		return false
	}
}

// The store's server goes by its own clock.
func TestASessionThatHasExpiredByTheProgramsClockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group, known, began := tasks.New(), ended.New(), time.Now()
		store := memory.New(memory.Options{Now: func() time.Time { return time.Now().Add(-time.Hour) }})
		w := NewWatcher(Config{Store: store, Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Ended: known})
		<-w.Watch(t.Context(), stored(t, store, "a", time.Minute)).Ended()
		assert.InDelta(t, time.Minute, time.Since(began), float64(recheckEvery))
		assert.False(t, known.HasSession("a"), "an instance whose clock is behind may prolong it")
		group.Finish(t.Context())
	})
}

// heard is a store whose other instances hear everything that is announced.
type heard struct {
	storage.TokenStore
	ids     chan string
	refuses bool
}

func (h heard) Notify(ctx context.Context, ids ...string) error {
	if h.refuses {
		return errors.New("away")
	}
	for _, id := range ids {
		h.ids <- id
	}
	return nil
}

func (h heard) Listen(ctx context.Context, ready func(), ended func(id string)) error {
	ready()
	<-ctx.Done()
	return ctx.Err()
}

func TestAnEndIsAnnouncedToTheOtherInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		store := heard{TokenStore: memory.New(memory.Options{}), ids: make(chan string, 10)}
		log := new(bytes.Buffer)
		w := NewWatcher(Config{Store: store, Notifier: store, Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil))})
		w.Announce("a", "b")
		w.Announce()
		group.Finish(t.Context())
		close(store.ids)
		var got []string
		for id := range store.ids {
			got = append(got, id)
		}
		assert.Equal(t, []string{"a", "b"}, got)
		assert.Empty(t, log.String(), "nothing has gone wrong")
	})
}

// telling is a notifier that has something to say.
type telling []string

func (n telling) Notify(context.Context, ...string) error { return nil }

func (n telling) Listen(ctx context.Context, ready func(), ended func(id string)) error {
	ready()
	for _, id := range n {
		ended(id)
	}
	<-ctx.Done()
	return ctx.Err()
}

// Others share the store, and its notices. What they end must not take the place of what
// is remembered here, which is bounded.
func TestNoticesOfOthersAreNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		known := ended.New()
		store := memory.New(memory.Options{})
		w := NewWatcher(Config{
			Store: store, Notifier: telling{"ours a", "theirs a", strings.Repeat("x", 1<<20), "ours b"},
			Owns:  func(id string) bool { return strings.HasPrefix(id, "ours ") },
			Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Ended: known,
		})
		l := w.Watch(t.Context(), stored(t, store, "ours b", time.Hour))
		<-l.Ended()
		assert.True(t, known.HasSession("ours a"))
		assert.True(t, known.HasSession("ours b"))
		assert.False(t, known.HasSession("theirs a"))
		assert.False(t, known.HasSession(strings.Repeat("x", 1<<20)))
		group.Finish(t.Context())
	})
}

// interrupted is a notifier that loses its connection after five seconds, and what is
// said until it has another.
type interrupted struct {
	lost  func()
	calls int
}

func (n *interrupted) Notify(context.Context, ...string) error { return nil }

func (n *interrupted) Listen(ctx context.Context, ready func(), _ func(string)) error {
	ready()
	if n.calls++; n.calls > 1 {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(5 * time.Second)
	n.lost()
	return errors.New("connection reset")
}

func TestWhatWasSaidWhileNobodyHeardIsFoundAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		known := ended.New()
		log := new(bytes.Buffer)
		store := memory.New(memory.Options{})
		w := NewWatcher(Config{
			Store: store, Notifier: &interrupted{lost: func() { deleted(t, store, "a") }},
			Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil)), Ended: known,
		})
		began := time.Now()
		l := w.Watch(t.Context(), stored(t, store, "a", time.Hour))
		<-l.Ended()
		assert.Equal(t, 5*time.Second+listenAgain, time.Since(began))
		assert.True(t, known.HasSession("a"), "it is remembered")
		assert.Contains(t, log.String(), "connection reset")
		group.Finish(t.Context())
		assert.Equal(t, 1, strings.Count(log.String(), "was lost"), "the end of the program is no loss")
	})
}

func TestAnEndIsRememberedHereToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		known := ended.New()
		w := NewWatcher(Config{Tasks: group, Ended: known})
		w.Announce("a")
		assert.True(t, known.HasSession("a"))
		group.Finish(t.Context())
	})
}

func TestAnAnnouncementThatFailsIsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := tasks.New()
		log := new(bytes.Buffer)
		w := NewWatcher(Config{Notifier: heard{refuses: true}, Tasks: group, Timeout: time.Second, Now: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil))})
		w.Announce("a")
		group.Finish(t.Context())
		assert.Contains(t, log.String(), "other instances could not be told of a logout")
	})
}
