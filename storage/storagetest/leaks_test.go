package storagetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage"
)

// closing is a test whose store is closed when it ends.
type closing struct {
	*testing.T
	cleanups []func()
	failures []string
}

func (c *closing) Cleanup(f func())         { c.cleanups = append(c.cleanups, f) }
func (c *closing) Failed() bool             { return len(c.failures) > 0 }
func (c *closing) Context() context.Context { return c.T.Context() }
func (c *closing) Errorf(format string, args ...any) {
	c.failures = append(c.failures, fmt.Sprintf(format, args...))
}

func (c *closing) end() []string {
	for _, f := range c.cleanups {
		f()
	}
	return c.failures
}

func TestAGoroutineThatOutlivesItsStoreIsFound(t *testing.T) {
	stores := func() []storage.TokenStore { return []storage.TokenStore{newReference(time.Now)} }
	started, stop := make(chan struct{}), make(chan struct{})
	block := func(int) {
		started <- struct{}{}
		<-stop
	}
	l := leaks{patience: 20 * time.Millisecond}

	ofTests := &closing{T: t}
	l.watch(ofTests, stores)
	go block(0)
	<-started
	assert.Empty(t, ofTests.end(), "what the tests of the package have begun may go on")

	leaking, after := &closing{T: t}, &closing{T: t}
	l.watch(leaking, stores)
	go parallel(1, block) // which is code of the package
	<-started
	failures := leaking.end()
	require.Len(t, failures, 1)
	assert.Contains(t, failures[0], "storagetest.parallel")

	l.watch(after, stores)
	assert.Empty(t, after.end(), "one is enough")

	l, last := leaks{patience: patience}, &closing{T: t}
	l.watch(last, stores)
	go parallel(1, block)
	<-started
	go func() {
		time.Sleep(10 * time.Millisecond)
		close(stop)
	}()
	assert.Empty(t, last.end(), "a store may take a moment to close")
}
