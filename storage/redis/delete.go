package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// Delete implements storage.TokenStore with one script, in one round trip. If
// the answer is lost on the way, the client's next try reports
// storage.ErrNotFound: what has a token to revoke is removed with DeleteAndEnqueue,
// whose debt is then still in the ledger.
func (s *Store) Delete(ctx context.Context, id string) (storage.Record, error) {
	value, err := s.remove(ctx, id, nil)
	if err != nil {
		return storage.Record{}, err
	}
	return decodeRecord(id, value, []byte(value))
}

// DeleteAndEnqueue implements storage.RevocationQueue with one script, in one round trip. A
// debt that is there under the same ID already is replaced. Of a record that a
// newer version of this package wrote it makes a debt for that version, and
// returns storage.ErrNotFound.
func (s *Store) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	by := s.debtor(hold)
	value, err := s.remove(ctx, id, by)
	if err != nil {
		return storage.Revocation{}, err
	}
	return by.debt(id, value)
}

// remove returns the bytes of the record, which the script has checked.
func (s *Store) remove(ctx context.Context, id string, by *debtor) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	in := s.space(id)
	head, due := by.arguments()
	value, err := s.run(ctx, deleteScript, in, in.record(id), id, head, due).Text()
	if errors.Is(err, redis.Nil) {
		return "", storage.ErrNotFound
	}
	if err != nil {
		return "", failure("delete", err)
	}
	return value, nil
}

// debtor turns removed records into debts. A nil one owes nothing.
type debtor struct {
	since, until time.Time
}

// debtor returns one whose debts are held for that long from now.
func (s *Store) debtor(hold time.Duration) *debtor {
	now := s.now()
	return &debtor{since: instant(now), until: instant(now.Add(hold))}
}

// instant is what is kept of a time.
func instant(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()) }

// arguments are the last two of the scripts that remove records.
func (d *debtor) arguments() (head []byte, due int64) {
	if d == nil {
		return nil, 0
	}
	return encodeDebtHead(d.since), d.until.UnixMilli()
}

func (d *debtor) debt(id, value string) (storage.Revocation, error) {
	r, err := decodeRecord(id, value, []byte(value))
	return storage.Revocation{Record: r, Since: d.since, Due: d.until}, err
}
