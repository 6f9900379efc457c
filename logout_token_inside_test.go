package passport

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/storage"
)

// Either note may be the one that is in the store.
func TestAnAttemptWithALogoutTokenForgetsNoEarlierOne(t *testing.T) {
	first, second := storage.Record{Data: []byte("1")}, storage.Record{Data: []byte("2")}
	var job retry.Job = &unusedToken{notes: []storage.Record{first}}
	for range 100 {
		job = (&unusedToken{notes: []storage.Record{second}}).After(job)
	}
	notes := job.(*unusedToken).notes
	assert.Equal(t, []storage.Record{first, second}, notes[:2])
	assert.Len(t, notes, mostUnused)
}
