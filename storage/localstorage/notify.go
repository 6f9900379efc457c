package localstorage

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/dom"
)

// Notify implements storage.Notifier. It reaches the listeners in all tabs, by a
// BroadcastChannel.
func (s *Store) Notify(ctx context.Context, ids ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.post(message{Ended: ids})
}

// Listen implements storage.Notifier. It also tells of [UserID] when the session
// that is shared has ended by other means, such as the JavaScript SDK's or the
// user's, who clears the site's data: at once if that was in another tab, within
// a second if it was in this one.
func (s *Store) Listen(ctx context.Context, ready func(), ended func(id string)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ready == nil {
		ready = func() {}
	}
	heard, stop, err := s.hear()
	if err != nil {
		return err
	}
	defer stop()
	changed, stopWatching := itemsChanged()
	defer stopWatching()
	user := s.watchUser(ctx)

	hello := rand.Text() // comes back when the channel is open, as all that comes later
	if err := s.post(message{Hello: hello}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-heard.more:
			for _, m := range heard.take() {
				if m.Hello == hello {
					ready()
				}
				for _, id := range m.Ended {
					ended(id)
				}
			}
		case <-changed:
			if user.hasEnded(ctx) {
				ended(UserID)
			}
		}
	}
}

func (s *Store) channel() (dom.Value, error) {
	constructor := dom.Window().Get("BroadcastChannel")
	if !constructor.IsFunction() {
		return dom.Value{}, fmt.Errorf("storage/localstorage: this browser has no BroadcastChannel: %w", errors.ErrUnsupported)
	}
	channel := constructor.New("passport-go:" + s.options.place())
	return channel, explain(channel.Err())
}

// post sends m as JSON: on its way into a string of JavaScript's, text by itself
// would lose a byte order mark.
func (s *Store) post(m message) error {
	channel, err := s.channel()
	if err != nil {
		return err
	}
	defer channel.Call("close")
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("storage/localstorage: %w", err)
	}
	return explain(channel.Call("postMessage", string(text)).Err())
}

// hear returns a queue of what is said from now on, until stop is called.
func (s *Store) hear() (q *queue, stop func(), err error) {
	channel, err := s.channel()
	if err != nil {
		return nil, nil, err
	}
	q = newQueue()
	stopListening := dom.Listen(channel, "message", func(event dom.Value) {
		var m message // stays empty if a script of the origin has sent something else
		_ = json.Unmarshal([]byte(event.Get("data").Text()), &m)
		q.add(m)
	})
	return q, func() {
		channel.Call("close")
		stopListening()
	}, nil
}

// recheck is how often a listener looks whether a script of its own page has
// changed the user, of which the browser tells only other pages.
const recheck = time.Second

// itemsChanged signals that items may have changed, until stop is called.
func itemsChanged() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	signal := func() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	stopListening := dom.Listen(dom.Window(), "storage", func(dom.Value) { signal() })
	stopReturning := dom.Listen(dom.Window(), "pageshow", func(dom.Value) { signal() }) // by the back button
	tick := dom.FuncOf(func([]dom.Value) { signal() })
	timer := dom.Window().Call("setInterval", tick.Value(), recheck.Milliseconds())
	return c, func() {
		stopListening()
		stopReturning()
		dom.Window().Call("clearInterval", timer)
		tick.Release()
	}
}
