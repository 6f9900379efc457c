package keyring

import (
	"context"
	"errors"
)

// Remove deletes all that this package keeps under service and user: the sessions, the
// pending revocations, the key of [Key] and the pin. It is for an uninstaller. Sign out
// first, and close the Passport: a refresh token that is not revoked yet lives on until
// it expires. Remove returns nil if there is nothing; the empty lock file stays.
//
// ctx and errors are as for [New].
func Remove(ctx context.Context, service, user string, opts Options) error {
	r, err := newRing(service, user, opts.withDefaults())
	if err != nil {
		return err
	}
	return r.alone(ctx, func(w *work) error {
		if !w.commit() {
			return errGivenUp
		}
		return errors.Join(r.remove(), r.items.delete(r.keyName()), r.items.delete(r.pinName()))
	})
}
