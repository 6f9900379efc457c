//go:build unix

package postgrestest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Between the look for a free port and the start, others start servers too.
func TestAPortThatAnotherServerTookMeanwhileIsLeftToIt(t *testing.T) {
	other, err := Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, other.Close()) }()
	ports := []int{other.port, other.port}
	s := &Server{}
	defer func() { assert.NoError(t, s.Close()) }()
	require.NoError(t, s.start(func() (int, error) {
		if len(ports) == 0 {
			return freePort()
		}
		next := ports[0]
		ports = ports[1:]
		return next, nil
	}))
	assert.NotEqual(t, other.port, s.port)
}
