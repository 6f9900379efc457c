package keyring_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	ss "github.com/zalando/go-keyring/secret_service"

	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/keyring"
)

var children = map[string]func() error{
	"locked":      useLockedKeyring,
	"no service":  useNoService,
	"logging out": useKeyringUntilLogout,
	"frozen":      useFrozenKeyring,
	"no keyring":  useServiceWithoutKeyring,
	"forbidden":   useForbiddenService,
}

// A GNOME Keyring that is locked, and a user who does not type the password.
func TestALockedKeyringIsNotWaitedForForEver(t *testing.T) {
	inSession(t, childVariable+"=locked")
}

func TestASessionWithoutASecretServiceSaysSo(t *testing.T) {
	inSession(t, childVariable+"=no service")
}

// Without a D-Bus session the library would start one for each call.
func TestNoBusIsStartedForACall(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	launch := filepath.Join(dir, "dbus-launch")
	require.NoError(t, os.WriteFile(launch, []byte("#!/bin/sh\ntouch "+dir+"/launched\nexit 1\n"), 0o700))
	cmd := exec.Command(self)
	cmd.Env = []string{childVariable + "=no service", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.NoFileExists(t, filepath.Join(dir, "launched"))
}

func useNoService() error {
	_, err := keyring.Key(context.Background(), "test", "user", keyring.Options{})
	_, err2 := keyring.New(context.Background(), "test", "user", keyring.Options{})
	if !errors.Is(err, keyring.ErrNoKeyring) || !errors.Is(err2, keyring.ErrNoKeyring) {
		return fmt.Errorf("not ErrNoKeyring: %v, %v", err, err2)
	}
	return nil
}

// The user logs out of the desktop, and the D-Bus session ends, while the program waits
// for the password.
func TestAProgramSurvivesTheEndOfTheSession(t *testing.T) {
	inSession(t, childVariable+"=logging out")
}

func useKeyringUntilLogout() error {
	endSession, err := startSession()
	if err != nil {
		return err
	}
	defer endSession()
	ctx := context.Background()
	store, stop, err := openKeyring(ctx)
	if err != nil {
		return err
	}
	defer stop()
	bus, err := lock()
	if err != nil {
		return err
	}
	defer bus.Close()
	load := func(ctx context.Context) error { _, err := store.Load(ctx, "a"); return err }
	if err := getStuck(ctx, load, keyring.ErrLocked); err != nil {
		return fmt.Errorf("locked: %w", err)
	}
	endSession()
	for begun := time.Now(); keyring.Stuck() > 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			return errors.New("a goroutine waits for the session that has ended")
		}
	}
	if err := load(ctx); !errors.Is(err, keyring.ErrNoKeyring) {
		return fmt.Errorf("logged out: %v", err)
	}
	return nil
}

// openKeyring starts a keyring, and opens a store in it.
func openKeyring(ctx context.Context) (store *keyring.Store, stop func(), err error) {
	stop, err = startKeyring()
	if err != nil {
		return nil, nil, err
	}
	store, err = keyring.New(ctx, "test", "user", keyring.Options{})
	if err != nil {
		stop()
		return nil, nil, err
	}
	return store, stop, nil
}

// startSession starts another D-Bus session in the place of that of this process.
func startSession() (stop func(), err error) {
	daemon := exec.Command("dbus-daemon", "--nofork", "--print-address", "--config-file="+filepath.Join(os.Getenv("HOME"), "bus.conf"))
	out, err := daemon.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := daemon.Start(); err != nil {
		return nil, err
	}
	stop = sync.OnceFunc(func() { end(daemon) })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, err
	}
	return stop, os.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
}

// A keyring that has got stuck: the first call waits as for a password, and the others
// do not.
func TestAKeyringThatDoesNotAnswerIsSaid(t *testing.T) {
	inSession(t, childVariable+"=frozen")
}

func useFrozenKeyring() error {
	daemon, err := startDaemon()
	if err != nil {
		return err
	}
	defer end(daemon)
	ctx := context.Background()
	store, err := keyring.New(ctx, "test", "user", keyring.Options{})
	if err != nil {
		return err
	}
	load := func(ctx context.Context) error { _, err := store.Load(ctx, "a"); return err }
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := getStuck(ctx, load, context.DeadlineExceeded); err != nil {
		return fmt.Errorf("the first call: %w", err)
	}
	begun := time.Now()
	err = load(ctx)
	if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "the keyring does not answer") || took > 20*time.Second {
		return fmt.Errorf("the second call, after %v: %v", took, err)
	}
	if err := daemon.Process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	if err := load(ctx); !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("it answers again: %v", err)
	}
	return nil
}

const (
	collection = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	aMoment    = 300 * time.Millisecond
)

func useLockedKeyring() error {
	ctx := context.Background()
	store, stop, err := openKeyring(ctx)
	if err != nil {
		return err
	}
	defer stop()
	saved, err := store.Save(ctx, storage.Record{ID: "a", Expiry: time.Now().Add(time.Hour), Data: []byte("x")})
	if err != nil {
		return err
	}
	bus, err := lock()
	if err != nil {
		return err
	}
	defer bus.Close()

	calls := map[string]func(context.Context) error{
		"New": func(ctx context.Context) error {
			_, err := keyring.New(ctx, "test", "user", keyring.Options{})
			return err
		},
		"Key": func(ctx context.Context) error {
			_, err := keyring.Key(ctx, "test", "user", keyring.Options{})
			return err
		},
		"Load":   func(ctx context.Context) error { _, err := store.Load(ctx, "a"); return err },
		"Delete": func(ctx context.Context) error { _, err := store.Delete(ctx, "a"); return err },
	}
	if err := getStuck(ctx, calls["Load"], keyring.ErrLocked, context.DeadlineExceeded); err != nil {
		return fmt.Errorf("the first call: %w", err)
	}
	begun := time.Now()
	for name, call := range calls { // without a context of their own
		if err := call(ctx); !errors.Is(err, keyring.ErrLocked) {
			return fmt.Errorf("%s: %v", name, err)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		return fmt.Errorf("that took %v", took)
	}
	if err := unlock(bus); err != nil {
		return err
	}
	got, err := store.Load(ctx, "a")
	if err != nil || got.Revision != saved.Revision {
		return fmt.Errorf("unlocked: %+v, %v", got, err)
	}
	_, err = store.Delete(ctx, "a")
	return err
}

// getStuck gives up on a call that has reached the keyring, which ends in all of want. A
// call that did not get that far in a moment, on a busy machine, is repeated.
func getStuck(ctx context.Context, call func(context.Context) error, want ...error) error {
	for begun := time.Now(); ; {
		err := limited(ctx, call)
		isNot := func(want error) bool { return !errors.Is(err, want) }
		if keyring.Stuck() == 1 && !slices.ContainsFunc(want, isNot) {
			return nil
		}
		if time.Since(begun) > 20*time.Second {
			return fmt.Errorf("%v, and %d calls are stuck", err, keyring.Stuck())
		}
	}
}

func limited(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, aMoment)
	defer cancel()
	return call(ctx)
}

// lock locks the keyring, and takes the place of the program that asks the user
// for the password: it shows nothing.
func lock() (*dbus.Conn, error) {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		return nil, err
	}
	if err := bus.Export(prompter{}, "/org/gnome/keyring/Prompter", "org.gnome.keyring.internal.Prompter"); err != nil {
		return nil, err
	}
	if _, err := bus.RequestName("org.gnome.keyring.SystemPrompter", 0); err != nil {
		return nil, err
	}
	return bus, bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets").
		Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{collection}).Err
}

// prompter is asked to prompt and never does.
type prompter struct{}

func (prompter) BeginPrompting(dbus.ObjectPath) *dbus.Error { return nil }
func (prompter) StopPrompting(dbus.ObjectPath) *dbus.Error  { return nil }

// unlock types the password, as the login does.
func unlock(bus *dbus.Conn) error {
	svc, err := ss.NewSecretService()
	if err != nil {
		return err
	}
	session, err := svc.OpenSession()
	if err != nil {
		return err
	}
	// Sessions are those of a connection, and that is svc's.
	return svc.Conn.Object("org.freedesktop.secrets", "/org/freedesktop/secrets").
		Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0, collection,
			ss.NewSecret(session.Path(), "password")).Err
}

// A machine without a desktop: gnome-keyring is installed, and nobody has ever made a
// keyring in it.
func TestAServiceWithoutAKeyringIsNone(t *testing.T) {
	inSession(t, childVariable+"=no keyring")
}

func useServiceWithoutKeyring() error {
	daemon := exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets")
	if err := daemon.Start(); err != nil {
		return err
	}
	defer end(daemon)
	if err := awaitService(); err != nil {
		return err
	}
	return useNoService()
}

// A sandbox, such as a snap, whose policy does not let it talk to the Secret Service.
func TestAServiceThatIsForbiddenIsNone(t *testing.T) {
	inSession(t, childVariable+"=forbidden")
}

func useForbiddenService() error {
	config := filepath.Join(os.Getenv("HOME"), "bus.conf")
	forbidding := strings.Replace(busConfig, "</policy>", `<deny send_destination="org.freedesktop.secrets"/></policy>`, 1)
	if err := os.WriteFile(config, []byte(forbidding), 0o600); err != nil {
		return err
	}
	endSession, err := startSession()
	if err != nil {
		return err
	}
	defer endSession()
	daemon := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	daemon.Stdin = strings.NewReader("password")
	if err := daemon.Start(); err != nil {
		return err
	}
	defer end(daemon)
	if err := awaitService(); err != nil {
		return err
	}
	return useNoService()
}

// The D-Bus session of another user, as under sudo -E: it accepts the connection, and
// nobody who makes it.
func TestTheSessionOfAnotherUserHasNoKeyring(t *testing.T) {
	socket := keyring.ServeBus(t, func(c net.Conn) {
		for lines := bufio.NewScanner(c); lines.Scan(); {
			if _, err := io.WriteString(c, "REJECTED EXTERNAL\r\n"); err != nil {
				return
			}
		}
	})
	self, err := os.Executable()
	require.NoError(t, err)
	for _, address := range []string{"unix:path=" + socket, "unix:path=" + socket + ".gone", "disabled:", "autolaunch:"} {
		dir := t.TempDir()
		cmd := exec.Command(self)
		cmd.Env = []string{childVariable + "=no service", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "DBUS_SESSION_BUS_ADDRESS=" + address}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", address, out)
	}
}

// awaitService waits until there is a Secret Service.
func awaitService() error {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	defer bus.Close()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var there bool
		err := bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.freedesktop.secrets").Store(&there)
		if err != nil || there {
			return err
		}
		if time.Since(begun) > 20*time.Second {
			return errors.New("the Secret Service does not start")
		}
	}
}
