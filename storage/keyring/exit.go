package keyring

import (
	"errors"
	"os/exec"
)

// macOS's command security, which the library calls, ends with the last eight bits of
// the Keychain's status (SecBase.h).
const (
	interactionNotAllowed = 36  // errSecInteractionNotAllowed: locked, and no window to ask in, as over ssh
	authFailed            = 51  // errSecAuthFailed: a wrong password
	userCanceled          = 128 // errSecUserCanceled, errUserCanceled
	noDefaultKeychain     = 37  // errSecNoDefaultKeychain
	noSuchKeychain        = 50  // errSecNoSuchKeychain
	notAvailable          = 53  // errSecNotAvailable
)

// meaningOfExit returns ErrLocked or ErrNoKeyring if err says so.
func meaningOfExit(err error) error {
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return nil
	}
	switch ended.ExitCode() {
	case interactionNotAllowed, authFailed, userCanceled:
		return ErrLocked
	case noDefaultKeychain, noSuchKeychain, notAvailable:
		return ErrNoKeyring
	}
	return nil
}
