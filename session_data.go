package passport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxData bounds a program's own data in a session, as JSON, in bytes.
const maxData = 8 << 10

// ErrDataTooLarge reports that the program's data does not fit into a session: the
// limit is 8 KB of JSON. Keep the rest in your own database, under the subject.
var ErrDataTooLarge = errors.New("passport: the data is larger than 8 KB as JSON")

// Claims decodes the session's claims into v, a pointer to a map or to a struct
// with json tags: those of the ID token and, with Config.UserInfo, of the UserInfo
// endpoint. Names are case-sensitive. A claim whose type does not match its field
// is left out. Errors are as for [Session.Profile].
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

// Data decodes the data that [Session.SetData] stored into v, as it was when the
// session was looked up. If there is none, v is unchanged. Errors are as for
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

// SetData stores v as JSON with the session, sealed like the tokens. It replaces
// earlier data; of two concurrent calls the last one wins. nil removes the data. A
// new session has no data unless Config.OnSignIn sets some.
//
// ErrDataTooLarge: v has more than 8 KB. ErrNoSession: the session has ended, and
// stays so. ErrStoreUnavailable: the Store could not answer.
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

// AuthTime is when the user proved who they are, by the provider's clock; the zero
// Time if the ID token does not say. Errors as for [Session.Profile].
func (s *Session) AuthTime(ctx context.Context) (time.Time, error) {
	var claims struct {
		AuthTime float64 `json:"auth_time"`
	}
	if err := s.Claims(ctx, &claims); err != nil || claims.AuthTime <= 0 {
		return time.Time{}, err
	}
	return time.Unix(int64(claims.AuthTime), 0), nil
}

// isRecent reports whether the user has proved who they are within maxAge.
func (s *Session) isRecent(ctx context.Context, maxAge time.Duration) bool {
	at, err := s.AuthTime(ctx)
	return err == nil && !at.IsZero() && s.p.c.Now().Sub(at) <= maxAge+instanceLeeway
}
