package localstorage

import "sync"

// message is what listeners are told: hello, or that records have ended.
type message struct {
	Hello string   `json:"hello,omitempty"`
	Ended []string `json:"ended,omitempty"`
}

// queue holds messages until somebody takes them. To add one takes no time, as
// befits a handler of events.
type queue struct {
	more chan struct{} // of one place; there is something to take

	mu       sync.Mutex
	messages []message
}

func newQueue() *queue { return &queue{more: make(chan struct{}, 1)} }

func (q *queue) add(m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, m)
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *queue) take() []message {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.messages
	q.messages = nil
	return taken
}
