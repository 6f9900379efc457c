package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/passport-go/passport/storage"
)

// Save implements storage.TokenStore with one script, in one round trip. A
// record is created on a server that has reached its maxmemory only as
// storage.ErrFull; replacing one is possible even then.
func (s *Store) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	if r.ID == "" {
		return storage.Record{}, errNoID
	}
	if s.expired(r) {
		return storage.Record{}, errors.New("storage/redis: Record.Expiry has passed: a record must live for a millisecond at least")
	}

	var read []byte
	if r.Revision != 0 {
		read = binary.BigEndian.AppendUint64(nil, r.Revision)
	}
	r.Revision++
	in := s.space(r.ID)
	err := outcome(s.run(ctx, saveScript, in, in.record(r.ID), r.ID, encodeRecord(r), read))
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound):
		return storage.Record{}, err
	case isOutOfMemory(err):
		return storage.Record{}, fmt.Errorf("%w: raise the server's maxmemory: %w", storage.ErrFull, err)
	}
	return storage.Record{}, fmt.Errorf("storage/redis: save: %w", err)
}

var errNoID = errors.New("storage/redis: Record.ID is empty")

// isOutOfMemory looks inside the text, for before Redis 7 the error of a command
// stands inside that of the script.
func isOutOfMemory(err error) bool {
	return strings.Contains(err.Error(), "OOM command not allowed")
}
