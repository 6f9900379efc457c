package native_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

var errDisk = errors.New("no space left on device")

// disk is a store that can be made to fail.
type disk struct {
	*memory.Store
	mu   sync.Mutex
	fail func(method, id string) bool
	now  func() time.Time
}

func newDisk() *disk {
	d := &disk{now: time.Now}
	d.Store = memory.New(memory.Options{Now: func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.now()
	}})
	return d
}

func (d *disk) setNow(now func() time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = now
}

// failing has calls fail for which f returns true. nil: none.
func (d *disk) failing(f func(method, id string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = f
}

func (d *disk) check(method, id string) error {
	d.mu.Lock()
	fail := d.fail
	d.mu.Unlock()
	if fail != nil && fail(method, id) {
		return errDisk
	}
	return nil
}

func (d *disk) Load(ctx context.Context, id string) (storage.Record, error) {
	if err := d.check("Load", id); err != nil {
		return storage.Record{}, err
	}
	return d.Store.Load(ctx, id)
}

func (d *disk) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if err := d.check("Save", r.ID); err != nil {
		return storage.Record{}, err
	}
	return d.Store.Save(ctx, r)
}

func (d *disk) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	if err := d.check("DeleteAndEnqueue", id); err != nil {
		return storage.Revocation{}, err
	}
	return d.Store.DeleteAndEnqueue(ctx, id, hold)
}

// writesOfCurrent are the calls that change the record that says which session is the
// current one.
func (d *desktop) writesOfCurrent(method, id string) bool {
	return method == "Save" && id == native.CurrentID(d.auth.URL+"/", passporttest.ClientID)
}
