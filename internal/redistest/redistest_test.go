package redistest

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAServerComesBackWithWhatItHadOnDisk(t *testing.T) {
	s, err := Start("--appendonly", "yes", "--appendfsync", "always")
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	require.Equal(t, "+OK\r\n", ask(t, s, "SET name alice\r\n"))

	s.Kill()
	assert.Error(t, s.answers(), "nobody answers any more")
	require.NoError(t, s.Restart())
	assert.Equal(t, "$5\r\nalice\r\n", ask(t, s, "GET name\r\n"))
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	s, err := Start()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Error(t, s.answers())
	assert.NoDirExists(t, s.dir)
}

func TestASentinelFindsItsMaster(t *testing.T) {
	master, err := Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, master.Close()) }()
	host, port, err := net.SplitHostPort(master.Addr)
	require.NoError(t, err)
	s, err := StartSentinel("sentinel monitor sessions " + host + " " + port + " 1")
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	assert.Contains(t, ask(t, s, "SENTINEL GET-MASTER-ADDR-BY-NAME sessions\r\n"), port)
}

// Between the look for a free address and the start, others start servers too.
func TestAnAddressThatAnotherServerTookMeanwhileIsLeftToIt(t *testing.T) {
	other, err := Start()
	require.NoError(t, err)
	defer func() { assert.NoError(t, other.Close()) }()
	s := &Server{program: other.program, dir: t.TempDir()}
	addresses := []string{other.Addr, other.Addr}
	require.NoError(t, s.startAt(func() (string, error) {
		if len(addresses) == 0 {
			return freeAddr()
		}
		next := addresses[0]
		addresses = addresses[1:]
		return next, nil
	}))
	defer s.Kill()
	assert.NotEqual(t, other.Addr, s.Addr)
	require.Equal(t, "+OK\r\n", ask(t, other, "SET name alice\r\n"))
	assert.Equal(t, "$-1\r\n", ask(t, s, "GET name\r\n"))
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	_, err := Start("--no-such-option", "1")
	assert.ErrorContains(t, err, "no-such-option")
}

func TestWithoutTheProgramTheErrorNamesThePackage(t *testing.T) {
	t.Setenv("PASSPORT_REDIS_SERVER", "no-such-program")
	_, err := Start()
	assert.ErrorContains(t, err, "redis-server")
}

func ask(t *testing.T, s *Server, command string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte(command))
	require.NoError(t, err)
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	require.NoError(t, err)
	return string(answer[:n])
}
