//go:build linux || freebsd || netbsd || openbsd || dragonfly

package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// The Secret Service, https://specifications.freedesktop.org/secret-service/.
const (
	secretService   = "org.freedesktop.secrets"
	loginCollection = "/org/freedesktop/secrets/collection/login"
	defaultAlias    = "/org/freedesktop/secrets/aliases/default"
	errorNoService  = "org.freedesktop.DBus.Error.ServiceUnknown"
	errorNoOwner    = "org.freedesktop.DBus.Error.NameHasNoOwner"
)

var system = state{reachable: reachable, probe: probe, concurrent: true}

// reachable returns ErrNoKeyring where there is no D-Bus session. To ask the
// library then would have it start one, for this call alone: with a keyring that
// nobody else sees, and that nobody ever ends.
func reachable() error {
	bus, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return fmt.Errorf("%w (D-Bus: %w)", ErrNoKeyring, err)
	}
	return bus.Close()
}

// probe asks the Secret Service, which tells without asking its user.
func probe(ctx context.Context) error {
	bus, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return ErrNoKeyring
	}
	defer bus.Close()
	if bus.Auth(nil) != nil || bus.Hello() != nil {
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
	if errors.As(err, &refused) && (refused.Name == errorNoService || refused.Name == errorNoOwner) {
		return ErrNoKeyring
	}
	return errNoAnswer
}
