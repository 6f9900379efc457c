package keyring

import (
	"errors"
	"syscall"
)

var system = state{reachable: available, meaning: meaningOfErrno, probe: answers}

// errorNoLogonSession (ERROR_NO_SUCH_LOGON_SESSION) is what Credential Manager says to a
// program in a session without the user's password: over ssh, in a scheduled task, or if
// a policy forbids the storage of passwords.
const errorNoLogonSession = syscall.Errno(1312)

func meaningOfErrno(err error) error {
	if errors.Is(err, errorNoLogonSession) {
		return ErrNoKeyring
	}
	return nil
}
