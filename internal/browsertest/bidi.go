package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// bidi is a connection that speaks WebDriver BiDi
// (https://www.w3.org/TR/webdriver-bidi/).
type bidi struct {
	socket *websocket.Conn
	events func(method string, params json.RawMessage)

	mu      sync.Mutex
	last    int
	waiting map[int]chan bidiMessage
	failed  error
}

// bidiMessage is an answer or an event.
type bidiMessage struct {
	ID      int             `json:"id"`
	Type    string          `json:"type"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// largestMessage bounds what is read: screenshots are the largest.
const largestMessage = 64 << 20

// dialBiDi connects, and has events told in the order in which they come. It
// reads until the connection is closed.
func dialBiDi(ctx context.Context, url string, events func(method string, params json.RawMessage)) (*bidi, error) {
	socket, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	socket.SetReadLimit(largestMessage)
	b := &bidi{socket: socket, events: events, waiting: make(map[int]chan bidiMessage)}
	go b.read()
	return b, nil
}

func (b *bidi) read() {
	for {
		_, text, err := b.socket.Read(context.Background())
		var m bidiMessage
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		switch {
		case err != nil:
			b.fail(err)
			return
		case m.Type == "event":
			b.events(m.Method, m.Params)
		default:
			b.mu.Lock()
			answer := b.waiting[m.ID]
			delete(b.waiting, m.ID)
			b.mu.Unlock()
			if answer != nil {
				answer <- m
			}
		}
	}
}

// fail ends the commands that still wait.
func (b *bidi) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = err
	for _, answer := range b.waiting {
		close(answer)
	}
	clear(b.waiting)
}

// call sends a command, and decodes its result into into, unless that is nil.
func (b *bidi) call(ctx context.Context, method string, params map[string]any, into any) error {
	answer := make(chan bidiMessage, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	err := b.failed
	b.mu.Unlock()
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := b.socket.Write(ctx, websocket.MessageText, text); err != nil {
		return err
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return errors.New(method + ": the connection has ended")
		case m.Type == "error":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		case into == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, into)
		}
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.waiting, id)
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// remoteValue is a JavaScript value as BiDi has it.
type remoteValue struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// json returns the value as JSON.stringify does, nil for undefined.
func (v remoteValue) json() (json.RawMessage, error) {
	switch v.Type {
	case "undefined", "function", "symbol":
		return nil, nil
	case "null":
		return json.RawMessage("null"), nil
	case "number":
		if strings.HasPrefix(string(v.Value), `"`) { // NaN and the like
			return json.RawMessage("null"), nil
		}
		return v.Value, nil
	case "string", "boolean", "date":
		return v.Value, nil
	case "array":
		return v.array()
	case "object":
		return v.object()
	default:
		return json.RawMessage("{}"), nil
	}
}

func (v remoteValue) array() (json.RawMessage, error) {
	var elements []remoteValue
	if err := json.Unmarshal(v.Value, &elements); err != nil {
		return nil, err
	}
	list := make([]json.RawMessage, len(elements))
	for i, element := range elements {
		text, err := element.json()
		if err != nil {
			return nil, err
		}
		if list[i] = text; text == nil {
			list[i] = json.RawMessage("null")
		}
	}
	return json.Marshal(list)
}

func (v remoteValue) object() (json.RawMessage, error) {
	var entries [][2]json.RawMessage
	if err := json.Unmarshal(v.Value, &entries); err != nil {
		return nil, err
	}
	object := make(map[string]json.RawMessage, len(entries))
	for _, entry := range entries {
		var name string
		var member remoteValue
		if err := errors.Join(json.Unmarshal(entry[0], &name), json.Unmarshal(entry[1], &member)); err != nil {
			return nil, err
		}
		text, err := member.json()
		if err != nil {
			return nil, err
		}
		if text != nil {
			object[name] = text
		}
	}
	return json.Marshal(object)
}
