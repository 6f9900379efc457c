package localstorage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/dom"
)

// database is a string in IndexedDB. It implements document.Backend.
type database struct {
	name string
	turn chan struct{} // of one place: for who uses what is below

	connection dom.Value // if open
	open       bool
	onDelete   dom.Func
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
	err := d.transact(ctx, "readonly", func(_ dom.Value, old []byte) error {
		document = old
		return nil
	})
	return document, err
}

// Update changes the document in a transaction, and the browser keeps every other
// that would, in any tab, waiting for its end.
func (d *database) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	return d.transact(ctx, "readwrite", func(store dom.Value, old []byte) error {
		next, err := change(old)
		switch {
		case err != nil || string(next) == string(old):
			return err
		case len(next) == 0:
			err = store.Call("delete", key).Err()
		default:
			err = store.Call("put", string(next), key).Err()
		}
		return explain(err)
	})
}

// SetAside lets go of a document that is damaged: nobody could look at it, and
// what it holds had better not lie about.
func (d *database) SetAside([]byte) error { return nil }

// transact calls do with the document, within a transaction. do runs in the
// goroutine of an event handler, and the transaction does not outlast that.
//
// There are browsers whose database stops answering until other pages of the site are
// closed, and scripts that keep a transaction going: transact gives up after patience.
func (d *database) transact(ctx context.Context, mode string, do func(store dom.Value, old []byte) error) error {
	ctx, cancel := d.patiently(ctx, "does not get to")
	defer cancel()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return whyDone(ctx)
	}
	transaction, err := d.begin(ctx, mode)
	if err != nil {
		return err
	}
	store := transaction.Call("objectStore", objectStore)
	request := store.Call("get", key)
	if err := request.Err(); err != nil {
		return explain(err)
	}

	var h handlers
	defer func() { h.release() }() // all of them: h grows
	var begun atomic.Bool
	var refused error
	ended := make(chan error, 1)
	err = errors.Join(
		h.on(request, "success", func() {
			begun.Store(true)
			if refused = do(store, []byte(request.Get("result").Text())); refused != nil {
				transaction.Call("abort")
			}
		}),
		h.on(transaction, "complete", func() { ended <- nil }),
		h.on(transaction, "abort", func() { ended <- explain(dom.Failure(transaction.Get("error"))) }),
	)
	if err != nil {
		return explain(err)
	}

	select {
	case err = <-ended:
	case <-ctx.Done():
		if !begun.Load() {
			h.detach() // for the end may never come
			transaction.Call("abort")
			return whyDone(ctx)
		}
		err = <-ended
	}
	if refused != nil {
		return refused
	}
	return err
}

// begin begins a transaction, on a new connection if the old one has been closed.
func (d *database) begin(ctx context.Context, mode string) (dom.Value, error) {
	if d.open {
		transaction := d.connection.Call("transaction", objectStore, mode)
		if transaction.Err() == nil {
			return transaction, nil
		}
		d.open = false
		d.onDelete.Release()
	}
	connection, err := d.connect(ctx)
	if err != nil {
		return dom.Value{}, err
	}
	// Whoever wants to delete the database has to wait until it is closed.
	d.connection, d.open = connection, true
	d.onDelete = dom.FuncOf(func([]dom.Value) { connection.Call("close") })
	if err := connection.Set("onversionchange", d.onDelete.Value()); err != nil {
		return dom.Value{}, explain(err)
	}
	transaction := connection.Call("transaction", objectStore, mode)
	return transaction, explain(transaction.Err())
}

// patience is how long a database may take to open, or a transaction to begin, which is
// a matter of milliseconds.
const patience = 20 * time.Second

// patiently bounds ctx by patience.
func (d *database) patiently(ctx context.Context, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, errors.New(
		"storage/localstorage: the browser "+what+" the database "+d.name+": close other pages of the site, and load this one again"))
}

// whyDone is the error of a ctx of patiently's.
func whyDone(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return context.Cause(ctx)
}

// stepAside has the browser discard those of the site's pages that it keeps for
// the way back and that the user has left while they were opening the database:
// a request of theirs never ends, and would keep every other waiting. A page that
// has such a channel is discarded when something is said on it; so this one has
// it, too, until stop is called.
func (d *database) stepAside() (stop func()) {
	channel := dom.Window().Get("BroadcastChannel").New(d.name + ":opening")
	channel.Call("postMessage", "")
	return func() { channel.Call("close") } // a channel that there is not has nothing to close
}

func (d *database) connect(ctx context.Context) (connection dom.Value, err error) {
	ctx, cancel := d.patiently(ctx, "does not open")
	defer cancel()
	defer d.stepAside()()
	factory := dom.Window().Get("indexedDB")
	if factory.Err() == nil && !factory.IsObject() {
		return dom.Value{}, errors.New("storage/localstorage: there is no IndexedDB here: the browser is too old, or does without it in private windows")
	}
	request := factory.Call("open", d.name, 1)
	if err := request.Err(); err != nil {
		return dom.Value{}, explain(err)
	}
	o := &opening{request: request, ended: make(chan error, 1)}
	if err := o.listen(); err != nil {
		return dom.Value{}, explain(err)
	}
	select {
	case err := <-o.ended:
		if err != nil {
			return dom.Value{}, fmt.Errorf("%w (opening the database %s)", err, d.name)
		}
		return request.Get("result"), nil
	case <-ctx.Done():
		o.abandon()
		return dom.Value{}, context.Cause(ctx)
	}
}

// opening is a request to open the database.
type opening struct {
	request   dom.Value
	ended     chan error // of one place
	abandoned atomic.Bool
	handlers  handlers
}

func (o *opening) listen() error {
	return errors.Join(
		o.handlers.on(o.request, "upgradeneeded", func() {
			if o.request.Get("result").Call("createObjectStore", objectStore).Err() != nil {
				o.request.Get("transaction").Call("abort") // which is an error of the request's
			}
		}),
		o.handlers.on(o.request, "success", func() { o.end(nil) }),
		o.handlers.on(o.request, "error", func() { o.end(explain(dom.Failure(o.request.Get("error")))) }),
	)
}

// end is called once.
func (o *opening) end(err error) {
	o.handlers.release()
	o.ended <- err
	if o.abandoned.Load() {
		o.close()
	}
}

// abandon has closed what nobody waits for any more, now or once it is open.
func (o *opening) abandon() {
	o.abandoned.Store(true)
	o.close()
}

func (o *opening) close() {
	select {
	case err := <-o.ended:
		if err == nil {
			o.request.Get("result").Call("close")
		}
	default:
	}
}
