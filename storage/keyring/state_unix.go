//go:build linux || freebsd || netbsd || openbsd || dragonfly

package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// The Secret Service, https://specifications.freedesktop.org/secret-service/.
const (
	secretService   = "org.freedesktop.secrets"
	loginCollection = "/org/freedesktop/secrets/collection/login"
	defaultAlias    = "/org/freedesktop/secrets/aliases/default"

	// spawnErrors is how the errors of a service begin that does not start.
	spawnErrors = "org.freedesktop.DBus.Error.Spawn."
)

// noKeyring are the errors of a bus without the service, or whose policy, as that of a
// snap, forbids it to this program, and of a service that has no such keyring. Nobody has
// ever made one on a machine without a desktop.
var noKeyring = []string{
	"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.AccessDenied",
	"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownInterface",
	"org.freedesktop.Secret.Error.NoSuchObject",
}

var system = state{reachable: reachable, probe: probe, concurrent: true}

// reachable returns ErrNoKeyring if there is no D-Bus session. Without this check the
// library would start one for this call only, with a keyring that nobody else sees and
// a process that nobody ends.
func reachable() error {
	bus, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return fmt.Errorf("%w (D-Bus: %w)", ErrNoKeyring, err)
	}
	return bus.Close()
}

// refusedUser is what the library says of a bus that lets a user's programs in alone, as
// that of another user does under sudo.
const refusedUser = "dbus: authentication failed"

// probe asks the Secret Service for its state, without prompting the user.
func probe(ctx context.Context) error {
	bus, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return ErrNoKeyring
	}
	defer bus.Close()
	if err := bus.Auth(nil); err != nil && err.Error() == refusedUser {
		return ErrNoKeyring
	} else if err != nil || bus.Hello() != nil {
		return errNoAnswer
	}
	for _, collection := range []dbus.ObjectPath{loginCollection, defaultAlias} {
		var locked dbus.Variant
		err = bus.Object(secretService, collection).CallWithContext(ctx,
			"org.freedesktop.DBus.Properties.Get", 0, "org.freedesktop.Secret.Collection", "Locked").Store(&locked)
		if is, ok := locked.Value().(bool); err == nil && ok {
			if is {
				return ErrLocked
			}
			return nil
		}
	}
	var refused dbus.Error
	if errors.As(err, &refused) && (slices.Contains(noKeyring, refused.Name) || strings.HasPrefix(refused.Name, spawnErrors)) {
		return ErrNoKeyring
	}
	return errNoAnswer
}
