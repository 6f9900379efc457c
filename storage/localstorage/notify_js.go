package localstorage

import (
	"context"
	"crypto/rand"
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
	ended := make([]any, len(ids))
	for i, id := range ids {
		ended[i] = id
	}
	return s.post("ended", ended)
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
	if err := s.post("hello", hello); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-heard.more:
			for _, m := range heard.take() {
				if m.hello == hello {
					ready()
				}
				for _, id := range m.ended {
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

func (s *Store) post(kind string, value any) error {
	channel, err := s.channel()
	if err != nil {
		return err
	}
	defer channel.Call("close")
	_, err = call(channel, "postMessage", map[string]any{kind: value})
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
		q.add(messageIn(args[0].Get("data")))
		return nil
	})
	channel.Set("onmessage", onMessage)
	return q, func() {
		channel.Call("close")
		onMessage.Release()
	}, nil
}

// messageIn reads what a script of the origin has sent, maybe not one of ours.
func messageIn(data js.Value) (m message) {
	if data.Type() != js.TypeObject {
		return message{}
	}
	if hello := data.Get("hello"); hello.Type() == js.TypeString {
		m.hello = hello.String()
	}
	ended := data.Get("ended")
	if !ended.InstanceOf(js.Global().Get("Array")) {
		return m
	}
	for i := range ended.Length() {
		if id := ended.Index(i); id.Type() == js.TypeString {
			m.ended = append(m.ended, id.String())
		}
	}
	return m
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
