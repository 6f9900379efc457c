package localstorage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall/js"
	"time"
)

// database is a string in IndexedDB. It implements document.Backend.
type database struct {
	name string
	turn chan struct{} // of one place: for who uses what is below

	connection js.Value // undefined until there is one
	onDelete   js.Func
}

func newDatabase(name string) *database {
	return &database{name: name, turn: make(chan struct{}, 1)}
}

const (
	objectStore = "document"
	key         = "sessions"
)

func (d *database) Read(ctx context.Context) ([]byte, error) {
	var document []byte
	err := d.transact(ctx, "readonly", func(_ js.Value, old []byte) error {
		document = old
		return nil
	})
	return document, err
}

// Update changes the document in a transaction, and the browser keeps every other
// that would, in any tab, waiting for its end.
func (d *database) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	return d.transact(ctx, "readwrite", func(store js.Value, old []byte) error {
		next, err := change(old)
		switch {
		case err != nil || string(next) == string(old):
			return err
		case len(next) == 0:
			_, err = call(store, "delete", key)
		default:
			_, err = call(store, "put", string(next), key)
		}
		return err
	})
}

// SetAside lets go of a document that is damaged: nobody could look at it, and
// what it holds had better not lie about.
func (d *database) SetAside([]byte) error { return nil }

// transact calls do with the document, within a transaction. do runs in the
// goroutine of an event handler, and the transaction does not outlast that.
func (d *database) transact(ctx context.Context, mode string, do func(store js.Value, old []byte) error) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	transaction, err := d.begin(ctx, mode)
	if err != nil {
		return err
	}
	store, err := call(transaction, "objectStore", objectStore)
	if err != nil {
		return err
	}
	request, err := call(store, "get", key)
	if err != nil {
		return err
	}

	var h handlers
	defer h.release()
	var begun atomic.Bool
	var refused error
	ended := make(chan error, 1)
	h.on(request, "success", func() {
		begun.Store(true)
		if refused = do(store, text(request.Get("result"))); refused != nil {
			_, _ = call(transaction, "abort")
		}
	})
	h.on(transaction, "complete", func() { ended <- nil })
	h.on(transaction, "abort", func() { ended <- exception(transaction.Get("error")) })

	select {
	case err = <-ended:
	case <-ctx.Done():
		if !begun.Load() {
			_, _ = call(transaction, "abort")
			refused = ctx.Err()
		}
		err = <-ended
	}
	if refused != nil {
		return refused
	}
	return err
}

func text(value js.Value) []byte {
	if value.Type() != js.TypeString {
		return nil
	}
	return []byte(value.String())
}

// begin begins a transaction, on a new connection if the old one has been closed.
func (d *database) begin(ctx context.Context, mode string) (js.Value, error) {
	if !d.connection.IsUndefined() {
		transaction, err := call(d.connection, "transaction", objectStore, mode)
		if err == nil {
			return transaction, nil
		}
		d.connection = js.Undefined()
		d.onDelete.Release()
	}
	connection, err := d.open(ctx)
	if err != nil {
		return js.Value{}, err
	}
	// Whoever wants to delete the database has to wait until it is closed.
	d.connection, d.onDelete = connection, js.FuncOf(func(js.Value, []js.Value) any {
		connection.Call("close")
		return nil
	})
	connection.Set("onversionchange", d.onDelete)
	return call(connection, "transaction", objectStore, mode)
}

// patience is how long a database may take to open, which is a matter of
// milliseconds.
const patience = 20 * time.Second

// stepAside has the browser discard those of the site's pages that it keeps for
// the way back and that the user has left while they were opening the database:
// a request of theirs never ends, and would keep every other waiting. A page that
// has such a channel is discarded when something is said on it; so this one has
// it, too, until stop is called.
func (d *database) stepAside() (stop func()) {
	constructor := js.Global().Get("BroadcastChannel")
	if constructor.Type() != js.TypeFunction {
		return func() {}
	}
	channel := constructor.New(d.name + ":opening")
	channel.Call("postMessage", "")
	return func() { channel.Call("close") }
}

func (d *database) open(ctx context.Context) (connection js.Value, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New(
		"storage/localstorage: the browser does not open the database "+d.name+": close other pages of the site, and load this one again"))
	defer cancel()
	defer d.stepAside()()
	factory, err := get(js.Global(), "indexedDB")
	if err != nil {
		return js.Value{}, err
	}
	if factory.Type() != js.TypeObject {
		return js.Value{}, errors.New("storage/localstorage: there is no IndexedDB here: the browser is too old, or does without it in private windows")
	}
	request, err := call(factory, "open", d.name, 1)
	if err != nil {
		return js.Value{}, err
	}
	var h handlers
	ended := make(chan error, 2)
	h.on(request, "upgradeneeded", func() {
		if _, err := call(request.Get("result"), "createObjectStore", objectStore); err != nil {
			ended <- err
		}
	})
	h.on(request, "success", func() { ended <- nil })
	h.on(request, "error", func() { ended <- exception(request.Get("error")) })

	select {
	case err := <-ended:
		h.release()
		if err != nil {
			return js.Value{}, fmt.Errorf("%w (opening the database %s)", err, d.name)
		}
		return request.Get("result"), nil
	case <-ctx.Done():
		go func() { // for the browser opens it all the same
			defer h.release()
			if <-ended == nil {
				request.Get("result").Call("close")
			}
		}()
		return js.Value{}, context.Cause(ctx)
	}
}
