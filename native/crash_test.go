package native_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/storage"
)

var errDead = errors.New("the process is dead")

// mortal is a process that dies after so many steps: calls of its store, and
// requests. What it would do from then on does not happen.
type mortal struct {
	*disk
	net   http.RoundTripper
	steps atomic.Int64
	life  int64
}

func (m *mortal) step() error {
	if m.steps.Add(1) > m.life {
		return errDead
	}
	return nil
}

func (m *mortal) Load(ctx context.Context, id string) (storage.Record, error) {
	if err := m.step(); err != nil {
		return storage.Record{}, err
	}
	return m.disk.Load(ctx, id)
}

func (m *mortal) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if err := m.step(); err != nil {
		return storage.Record{}, err
	}
	return m.disk.Save(ctx, r)
}

func (m *mortal) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	if err := m.step(); err != nil {
		return storage.Revocation{}, err
	}
	return m.disk.DeleteAndEnqueue(ctx, id, hold)
}

func (m *mortal) Enqueue(ctx context.Context, r storage.Record, hold time.Duration) (storage.Revocation, error) {
	if err := m.step(); err != nil {
		return storage.Revocation{}, err
	}
	return m.disk.Enqueue(ctx, r, hold)
}

func (m *mortal) Complete(ctx context.Context, r storage.Revocation) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.disk.Complete(ctx, r)
}

func (m *mortal) Claim(ctx context.Context, tenant string, n int, hold time.Duration) ([]storage.Revocation, error) {
	if m.steps.Load() > m.life {
		return nil, errDead
	}
	return m.disk.Claim(ctx, tenant, n, hold)
}

func (m *mortal) Retry(ctx context.Context, r storage.Revocation, due time.Time) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.disk.Retry(ctx, r, due)
}

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := m.step(); err != nil {
		return nil, err
	}
	return m.net.RoundTrip(r)
}

// Wherever a logout is cut off, the next run finds a session that is whole, or
// none; and then the token is revoked, and the next login asks for credentials.
func TestALogoutThatIsCutOffLosesNothing(t *testing.T) {
	whole, gone := 0, 0
	for life := int64(0); ; life++ {
		d := newDesktop(t)
		d.login(d.p)
		m := &mortal{disk: d.store, net: d.auth.Client().Transport, life: life}
		dying := d.run(func(c *native.Config) { c.Store, c.HTTPClient = m, &http.Client{Transport: m} })
		_, _ = dying.LogoutLocal(t.Context())
		survived := m.steps.Load() <= life

		// A revocation is leased for a minute by whoever enqueued it.
		later := func() time.Time { return time.Now().Add(2 * time.Minute) }
		d.store.setNow(later)
		next := d.run(func(c *native.Config) { c.Now = later })
		_, err := next.Session(t.Context())
		if err == nil {
			whole++
			assert.Equal(t, 1, d.live(), "cut off after %d steps", life)
			assert.False(t, d.unfinished(next), "nothing was begun, or it is carried out: %d steps", life)
			continue
		}
		gone++
		require.ErrorIs(t, err, passport.ErrNoSession)
		assert.Eventually(t, func() bool { return d.live() == 0 }, patience, time.Millisecond, "revoked, although cut off after %d steps", life)
		assert.True(t, d.unfinished(next), "cut off after %d steps", life)
		if survived {
			break
		}
	}
	assert.Positive(t, whole)
	assert.Greater(t, gone, 2)
}
