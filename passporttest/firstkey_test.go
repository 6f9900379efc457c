package passporttest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A request is given up after a while; on a busy machine a key takes longer.
func TestNoRequestWaitsUntilAKeyIsMade(t *testing.T) {
	assert.Len(t, New(Options{}).keys.keys, 1)
}
