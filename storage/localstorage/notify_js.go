package localstorage

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"syscall/js"
	"time"
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

func (s *Store) channel() (js.Value, error) {
	constructor := js.Global().Get("BroadcastChannel")
	if constructor.Type() != js.TypeFunction {
		return js.Value{}, fmt.Errorf("storage/localstorage: this browser has no BroadcastChannel: %w", errors.ErrUnsupported)
	}
	return constructor.New("passport-go:" + s.options.place()), nil
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
	_, err = call(channel, "postMessage", string(text))
	return err
}

// hear returns a queue of what is said from now on, until stop is called.
func (s *Store) hear() (q *queue, stop func(), err error) {
	channel, err := s.channel()
	if err != nil {
		return nil, nil, err
	}
	q = newQueue()
	onMessage := js.FuncOf(func(_ js.Value, args []js.Value) any {
		var m message // stays empty if a script of the origin has sent something else
		_ = json.Unmarshal([]byte(args[0].Get("data").String()), &m)
		q.add(m)
		return nil
	})
	channel.Set("onmessage", onMessage)
	return q, func() {
		channel.Call("close")
		onMessage.Release()
	}, nil
}

// recheck is how often a listener looks whether a script of its own page has
// changed the user, of which the browser tells only other pages.
const recheck = time.Second

// itemsChanged signals that items may have changed, until stop is called.
func itemsChanged() (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	signal := js.FuncOf(func(js.Value, []js.Value) any {
		select {
		case c <- struct{}{}:
		default:
		}
		return nil
	})
	window := js.Global()
	window.Call("addEventListener", "storage", signal)
	timer := window.Call("setInterval", signal, recheck.Milliseconds())
	return c, func() {
		window.Call("removeEventListener", "storage", signal)
		window.Call("clearInterval", timer)
		signal.Release()
	}
}
