package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/passport-go/passport/storage"
)

// Save implements storage.TokenStore with one script, in one round trip. On a server
// that has reached its maxmemory, creating a record returns storage.ErrFull, while
// replacing one still works.
func (s *Store) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return storage.Record{}, err
	}
	if err := s.validate(r); err != nil {
		return storage.Record{}, err
	}
	var read []byte
	if r.Revision != 0 {
		read = binary.BigEndian.AppendUint64(nil, r.Revision)
	}
	r.Revision++
	in := s.space(r.ID)
	value := appendRecord(nil, r)
	cmd, unproven := s.write(ctx, saveScript, in, in.record(r.ID), r.ID, value, read)
	if err := outcome(cmd); err != nil {
		return storage.Record{}, proven(s.failure("save", err), unproven)
	}
	r.Data = value[len(value)-len(r.Data):] // the caller may change its own
	return r, proven(nil, unproven)
}

// lastYear keeps times to live within the range of servers and of Lua's doubles.
const lastYear = 9999

func (s *Store) validate(r storage.Record) error {
	if err := checkScope(r); err != nil {
		return err
	}
	switch {
	case s.expired(r):
		return errors.New("storage/redis: Record.Expiry has passed: a record must live for a millisecond at least")
	case r.Expiry.Year() > lastYear:
		return fmt.Errorf("storage/redis: Record.Expiry is beyond the year %d", lastYear)
	}
	return nil
}

func checkScope(r storage.Record) error {
	if r.ID == "" {
		return errNoID
	}
	if err := storage.CheckScope(&r); err != nil {
		return fmt.Errorf("storage/redis: %w", err)
	}
	return nil
}
