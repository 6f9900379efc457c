package native_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// slowDisk is a disk on which the first claim takes its time; a call that is
// cancelled meanwhile has claimed all the same.
type slowDisk struct {
	*disk
	begun  chan struct{} // receives once the first claim has begun
	claims atomic.Int64
}

const aWhile = 100 * time.Millisecond

func (s *slowDisk) Claim(ctx context.Context, tenant string, n int, lease time.Duration) ([]storage.Revocation, error) {
	due, err := s.disk.Claim(ctx, tenant, n, lease)
	if s.claims.Add(1) > 1 {
		return due, err
	}
	close(s.begun)
	select {
	case <-time.After(aWhile):
		return due, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// withPendingRevocation is a desktop on which an earlier run has left a revocation that is due.
func withPendingRevocation(t *testing.T) (d *desktop, slow *slowDisk, later func(*native.Config)) {
	t.Helper()
	d = newDesktop(t)
	d.login(d.p)
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
	l, err := d.p.LogoutLocal(t.Context())
	require.NoError(t, err)
	require.Equal(t, passport.OutcomePending, l.Revocation)
	_ = d.p.Close(t.Context())
	lift()
	require.Equal(t, 1, d.live())
	nextDay := func() time.Time { return time.Now().Add(24 * time.Hour) }
	d.store.setNow(nextDay)
	slow = &slowDisk{disk: d.store, begun: make(chan struct{})}
	return d, slow, func(c *native.Config) { c.Store, c.Now = slow, nextDay }
}

func TestARunThatDoesNothingRevokesWhatAnEarlierOneLeft(t *testing.T) {
	d, _, later := withPendingRevocation(t)
	require.NoError(t, d.run(later).Close(t.Context()))
	assert.Zero(t, d.live())
}

func TestAShortRunRevokesWhatAnEarlierOneLeft(t *testing.T) {
	d, slow, later := withPendingRevocation(t)
	p := d.run(later)
	d.assertSignedOut(p)
	<-slow.begun // in the background
	require.NoError(t, p.Close(t.Context()))
	assert.Zero(t, d.live())
}

func TestCloseTakesNoLongerThanItsContext(t *testing.T) {
	d, _, later := withPendingRevocation(t)
	lift := d.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Hang: true})
	defer lift()
	ctx, cancel := context.WithTimeout(t.Context(), 2*aWhile)
	defer cancel()
	begun := time.Now()
	require.NoError(t, d.run(later).Close(ctx), "it is kept for the next run")
	assert.Less(t, time.Since(begun), 5*time.Second)
	assert.Equal(t, 1, d.live())
}
