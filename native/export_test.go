package native

import (
	"testing"
	"time"
)

// ShortenStart shortens how long a command that opens a browser is waited for.
func ShortenStart(t *testing.T, to time.Duration) {
	before := startTime
	startTime = to
	t.Cleanup(func() { startTime = before })
}
