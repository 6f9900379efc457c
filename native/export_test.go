package native

import (
	"testing"
	"time"
)

// ShortenStart shortens how long a command that opens a browser is waited for.
func ShortenStart(t *testing.T, to time.Duration) { shorten(t, &startTime, to) }

// ShortenLaunch shortens how long a browser is waited for whose command has failed.
func ShortenLaunch(t *testing.T, to time.Duration) { shorten(t, &launchTime, to) }

func shorten(t *testing.T, d *time.Duration, to time.Duration) {
	before := *d
	*d = to
	t.Cleanup(func() { *d = before })
}

// CurrentID is the ID of the record that says which session is the current one.
var CurrentID = currentID
