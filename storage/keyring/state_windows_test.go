package keyring

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestASessionWithoutAPasswordHasNoKeyring(t *testing.T) {
	assert.ErrorIs(t, explain(wrap(syscall.Errno(1312))), ErrNoKeyring)
	assert.NotErrorIs(t, explain(wrap(syscall.ERROR_ACCESS_DENIED)), ErrNoKeyring)
}
