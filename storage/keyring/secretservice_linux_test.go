package keyring_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gokeyring "github.com/zalando/go-keyring"
)

// busConfig is that of a bus that starts no services by itself.
const busConfig = `<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>`

// TestALifeInTheSecretService runs TestALifeInTheKeyring again, in a process with
// a D-Bus and a GNOME Keyring of its own.
func TestALifeInTheSecretService(t *testing.T) {
	out := inSession(t, realKeyring+"=1", "-test.v", "-test.run=^TestALifeInTheKeyring$")
	assert.Contains(t, out, "--- PASS: TestALifeInTheKeyring")
}

// inSession runs this test binary in a D-Bus session of its own, and returns what
// it says.
func inSession(t *testing.T, variable string, args ...string) string {
	t.Helper()
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "install the Debian packages dbus-daemon and gnome-keyring")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	home := t.TempDir()
	config := filepath.Join(home, "bus.conf")
	require.NoError(t, os.WriteFile(config, []byte(busConfig), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	session := exec.CommandContext(ctx, "dbus-run-session", append([]string{"--config-file=" + config, "--", self}, args...)...)
	session.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that none of them is left behind
	session.Cancel = func() error { return syscall.Kill(-session.Process.Pid, syscall.SIGKILL) }
	session.Env = append(os.Environ(), variable, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_RUNTIME_DIR="+home)
	out, err := session.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// startKeyring starts a keyring for the D-Bus session of this process, and
// unlocks it.
func startKeyring() (stop func(), err error) {
	daemon, err := startDaemon()
	if err != nil {
		return nil, err
	}
	return func() { end(daemon) }, nil
}

func end(daemon *exec.Cmd) {
	_ = daemon.Process.Kill()
	_ = daemon.Wait()
}

func startDaemon() (*exec.Cmd, error) {
	daemon := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	daemon.Stdin = strings.NewReader("password")
	err := daemon.Start()
	if err != nil {
		return nil, err
	}
	unlocked := filepath.Join(os.Getenv("XDG_DATA_HOME"), "keyrings", "login.keyring")
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err = os.Stat(unlocked); err != nil {
			continue // to ask for an item now would wait for somebody to unlock it
		}
		if err = gokeyring.Set(service, "ready", "yes"); err == nil {
			return daemon, nil
		}
	}
	end(daemon)
	return nil, fmt.Errorf("gnome-keyring-daemon is not ready: %w", err)
}
