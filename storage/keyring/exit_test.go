package keyring

import (
	"fmt"
	"os/exec"
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
		ended := exec.Command("sh", "-c", fmt.Sprintf("exit %d", code)).Run()
		require.Error(t, ended)
		err := explain(wrap(ended))
		assert.ErrorIs(t, err, want, code)
		assert.ErrorIs(t, err, ended, code)
	}
	err := explain(wrap(exec.Command("sh", "-c", "exit 1").Run()))
	assert.NotErrorIs(t, err, ErrLocked)
	assert.NotErrorIs(t, err, ErrNoKeyring)
}
