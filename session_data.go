package passport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// maxData bounds a program's own data in a session, as JSON, in bytes.
const maxData = 8 << 10

// ErrDataTooLarge reports data of a program's own that does not fit into a session:
// it may be 8 KB as JSON. Keep the rest in a database of yours, under the subject.
var ErrDataTooLarge = errors.New("passport: the data is larger than 8 KB as JSON")

// Claims decodes the session's claims into v, which is a pointer to a struct of the
// program's with json tags, or to a map: those of the ID token and, with
// Config.UserInfo, those of the UserInfo endpoint. Names are exact. A claim whose
// type is not that of its field is left out. Errors as for [Session.Profile].
func (s *Session) Claims(ctx context.Context, v any) error {
	t, err := s.read(ctx)
	if err != nil {
		return err
	}
	return t.claims(v)
}

func (t tokens) claims(v any) error {
	if err := t.readClaims(v); err != nil {
		return fmt.Errorf("passport: the claims of the ID token cannot be decoded into %T: %w", v, err)
	}
	return nil
}

// Data decodes the data that [Session.SetData] has stored into v, as it was when the
// session was looked up. Without any, v keeps its value. Errors as for
// [Session.Profile].
func (s *Session) Data(ctx context.Context, v any) error {
	t, err := s.read(ctx)
	if err != nil || t.Data == "" {
		return err
	}
	if err := json.Unmarshal([]byte(t.Data.Reveal()), v); err != nil {
		return fmt.Errorf("passport: the session's data cannot be decoded into %T: %w", v, err)
	}
	return nil
}

// SetData stores v, as JSON, with the session: a few KB that are sealed like the
// tokens, and end with the session. It replaces what was there; of two calls at the
// same time the last counts. nil removes it. A login begins a session without data:
// Config.OnSignIn can set some.
//
// ErrDataTooLarge: v has more than 8 KB. ErrNoSession: the session has ended, and is
// not brought back. ErrStoreUnavailable: the Store could not answer.
func (s *Session) SetData(ctx context.Context, v any) error {
	data, err := encodeData(v)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var h head
	var t tokens
	rec, err := s.p.update(ctx, s.rec, func(stored *head, current *tokens) bool {
		current.Data = data
		h, t = *stored, *current
		return true
	})
	if err == nil {
		s.rec, s.head, s.tokens = rec, &h, &t
	}
	return err
}

func encodeData(v any) (Secret, error) {
	if v == nil {
		return "", nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("passport: the data cannot be written as JSON: %w", err)
	}
	if len(data) > maxData {
		return "", ErrDataTooLarge
	}
	return Secret(data), nil
}
