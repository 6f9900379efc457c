package failtest

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deployment is a primary with a replica that can take its place, or several such.
type deployment interface {
	// open opens the store for a client. safe: writes wait for a replica.
	open(client party, safe bool, now func() time.Time) (store, func(), error)

	// victim is the primary of the next fail-over.
	victim(ctx context.Context) (party, error)

	// setLag sets how far replicas are behind.
	setLag(d time.Duration)

	// kill ends a server, as SIGKILL does.
	kill(victim party) error

	// signal stops a server, or lets it go on.
	signal(victim party, s syscall.Signal) error

	// failedOver returns once another has taken the place of the victim.
	failedOver(ctx context.Context, victim party) error

	// repair makes a replica of what was the primary, and returns once it has caught
	// up. A server that still takes writes loses what it alone has.
	repair(ctx context.Context, victim party) error
}

// deployments are those that the tests go through.
var deployments = map[string]func(t *testing.T, n *network) deployment{
	"sentinel": newSentinel,
	"cluster":  newCluster,
	"postgres": newPostgres,
}

// until asks again and again, until ctx is done. Then it says what was wrong the last
// time.
func until(ctx context.Context, what string, ask func(ctx context.Context) error) error {
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// within bounds what takes seconds on an idle machine, and minutes on a busy one.
func within(t *testing.T, do func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	require.NoError(t, do(ctx))
}
