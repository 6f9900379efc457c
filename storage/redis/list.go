package redis

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// List implements storage.Lister, in two round trips: one to the index, one to
// the records. It leaves out damaged records.
func (s *Store) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	if err := check(ctx, m); err != nil {
		return nil, err
	}
	reads, err := s.readIndex(ctx, m)
	if err == nil {
		err = s.readRecords(ctx, reads)
	}
	if err != nil {
		return nil, s.failure("list", err)
	}
	var listed []storage.Record
	for _, chunk := range reads {
		for i, value := range chunk.cmd.Val() {
			text, _ := value.(string) // nil if it was removed in between
			r, err := decodeRecord(chunk.ids[i], text, []byte(text))
			if err == nil && selects(m, r) && !s.expired(r) {
				listed = append(listed, r)
			}
		}
	}
	return listed, nil
}

// read is a command that reads records of one space.
type read struct {
	in  space
	ids []string
	cmd *redis.SliceCmd
}

func (s *Store) readIndex(ctx context.Context, m storage.Match) ([]*read, error) {
	pipe := s.client.Pipeline()
	indexes := make([]*redis.StringSliceCmd, len(s.spaces))
	for i, in := range s.spaces {
		indexes[i] = pipe.ZRange(ctx, in.index(m), 0, -1)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	var reads []*read
	for i, in := range s.spaces {
		for ids := range slices.Chunk(indexes[i].Val(), batch) {
			reads = append(reads, &read{in: in, ids: ids})
		}
	}
	return reads, nil
}

func (s *Store) readRecords(ctx context.Context, reads []*read) error {
	if len(reads) == 0 {
		return nil
	}
	pipe := s.client.Pipeline()
	for _, r := range reads {
		keys := make([]string, len(r.ids))
		for i, id := range r.ids {
			keys[i] = r.in.record(id)
		}
		r.cmd = pipe.MGet(ctx, keys...)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// selects checks the record itself, which may have changed since the index was read.
func selects(m storage.Match, r storage.Record) bool {
	return r.ID != m.Except && r.Tenant == m.Tenant && r.Kind == m.Kind &&
		(m.Subject == "" || m.Subject == r.Subject) &&
		(m.SID == "" || m.SID == r.SID)
}
