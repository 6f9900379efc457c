package redis

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

var errNoID = errors.New("storage/redis: Record.ID is empty")

// wayOut is what to do about errors of the server that have one known cause, by how they
// begin.
var wayOut = []struct{ prefix, hint string }{
	{"NOPERM", "the documentation of package storage/redis lists what an ACL user needs"},
	{"READONLY", "the client leads to a replica: lead it to the primary"},
	{"unknown command", "the server does not have it, or under another name (rename-command): the store needs it"},
}

const useClusterClient = "the server is a node of a Cluster: use redis.NewClusterClient, or Options.Spread if the client is one inside another type"

// failure adds what failed to err and, if that is known, what to do about it. It does not
// change the errors of package storage, which are results rather than failures.
func (s *Store) failure(doing string, err error) error {
	switch {
	case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound):
		return err
	case isOutOfMemory(err):
		return fmt.Errorf("%w: the server has reached its maxmemory: %w", storage.ErrFull, err)
	}
	err = discreet(err)
	if hint := s.hint(err); hint != "" {
		return fmt.Errorf("storage/redis: %s: %w: %s", doing, err, hint)
	}
	return fmt.Errorf("storage/redis: %s: %w", doing, err)
}

func (s *Store) hint(err error) string {
	_, single := s.client.(*redis.Client)
	switch {
	case single && redis.HasErrorPrefix(err, "MOVED"), isNonLocal(err) && len(s.spaces) == 1:
		return useClusterClient
	case isNonLocal(err):
		return "try again: the hash slot is moving to another node"
	}
	for _, w := range wayOut {
		if redis.HasErrorPrefix(err, w.prefix) {
			return w.hint
		}
	}
	return ""
}

// discreet returns the error without the arguments of a command that the server does not
// know, which it quotes: a subject may be among them.
func discreet(err error) error {
	if text, _, quotes := strings.Cut(err.Error(), ", with args beginning with"); quotes {
		return serverError(text)
	}
	return err
}

// serverError is a redis.Error.
type serverError string

func (e serverError) Error() string { return string(e) }

// RedisError implements redis.Error.
func (serverError) RedisError() {}

// isOutOfMemory searches the text: before Redis 7 a script's error contains that of
// the command.
func isOutOfMemory(err error) bool { return strings.Contains(err.Error(), "OOM command not allowed") }

// isNonLocal also knows how servers refuse what belongs to several hash slots, in a
// command and in a script.
func isNonLocal(err error) bool {
	text := err.Error()
	return strings.Contains(text, "non local key") || strings.Contains(text, "CROSSSLOT") || strings.Contains(text, "do not hash to the same slot")
}
