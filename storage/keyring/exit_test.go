package keyring

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// On macOS nothing but the exit code of its command says that the keychain is locked.
func TestAnExitCodeSaysWhatIsWrong(t *testing.T) {
	before := system
	t.Cleanup(func() { system = before })
	system = state{reachable: available, meaning: meaningOfExit, probe: answers}
	for code, want := range map[int]error{36: ErrLocked, 51: ErrLocked, 128: ErrLocked, 37: ErrNoKeyring, 50: ErrNoKeyring, 53: ErrNoKeyring} {
		ended := exitWith(code)
		require.Error(t, ended)
		err := explain(wrap(ended))
		assert.ErrorIs(t, err, want, code)
		assert.ErrorIs(t, err, ended, code)
	}
	err := explain(wrap(exitWith(1)))
	assert.NotErrorIs(t, err, ErrLocked)
	assert.NotErrorIs(t, err, ErrNoKeyring)
}

const exitCode = "KEYRING_TEST_EXIT_CODE"

func init() {
	if code, err := strconv.Atoi(os.Getenv(exitCode)); err == nil {
		os.Exit(code)
	}
}

// exitWith is the error of a program that ends with a code: this one.
func exitWith(code int) error {
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), fmt.Sprintf("%s=%d", exitCode, code))
	return program.Run()
}
