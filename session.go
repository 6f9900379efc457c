package passport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/notice"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// head is what a request has to know of its session.
type head = records.Head

// Session is a user's app session, as it was when it was looked up. Its tokens are
// decrypted when they are first needed. It may be used from many goroutines at
// once.
type Session struct {
	p    *Passport
	head *head // not to be changed

	mu     sync.Mutex
	rec    storage.Record
	tokens *tokens               // nil until somebody asks
	access *envelope.AccessToken // the same; tokens take precedence
	watch  *watch                // nil until somebody asks
}

// ID identifies the session within the app: for [Passport.EndSession], lists of
// sessions and logs. It is a hash of the secret id in the browser's cookie, and
// does not reveal it.
func (s *Session) ID() string { return s.record().ID }

// Subject is the user: the sub of the ID token.
func (s *Session) Subject() string { return s.record().Subject }

// record returns the record as it was last read or written.
func (s *Session) record() storage.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec
}

// Profile is the user's profile from the ID token. Fields that the token does not
// have are empty.
type Profile struct {
	Subject  string `json:"sub"`
	Email    string `json:"email,omitempty"`
	Nickname string `json:"nickname,omitempty"`
	Username string `json:"username,omitempty"`

	// The user's addresses on Immutable zkEVM, once registered.
	ZkEVMEthAddress       string `json:"zkevm_eth_address,omitempty"`
	ZkEVMUserAdminAddress string `json:"zkevm_user_admin_address,omitempty"`
}

// Profile reads the session's ID token, without a network call. An error means that
// the stored session cannot be read. ErrNoSession: it was tampered with, and has
// been ended; or its key is not in Config.EncryptionKeys, and it is kept in case
// the key is added later.
func (s *Session) Profile(ctx context.Context) (Profile, error) {
	t, err := s.read(ctx)
	if err != nil {
		return Profile{}, err
	}
	var claims struct {
		Profile
		Passport struct {
			EthAddress       string `json:"zkevm_eth_address"`
			UserAdminAddress string `json:"zkevm_user_admin_address"`
		} `json:"passport"`
	}
	if err := t.readClaims(&claims); err != nil {
		return Profile{}, errors.New("passport: the ID token's claims are not readable")
	}
	claims.Profile.ZkEVMEthAddress = cmp.Or(claims.Passport.EthAddress, claims.Profile.ZkEVMEthAddress)
	claims.Profile.ZkEVMUserAdminAddress = cmp.Or(claims.Passport.UserAdminAddress, claims.Profile.ZkEVMUserAdminAddress)
	return claims.Profile, nil
}

// IDToken is the ID token of the login, or of a later refresh that returned a new
// one. It was verified on receipt, and may have expired since. Errors are as for
// [Session.Profile].
func (s *Session) IDToken(ctx context.Context) (Secret, error) {
	t, err := s.read(ctx)
	return t.IDToken, err
}

// read opens the tokens, once. What it tells of a session that cannot be read may be
// asked about the session, so mu is free by then.
func (s *Session) read(ctx context.Context) (tokens, error) {
	t, rec, err := s.open()
	if err != nil {
		return tokens{}, s.p.unreadable(ctx, rec, err)
	}
	return t, nil
}

func (s *Session) open() (tokens, storage.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		t, err := openTokens(s.p.records, s.rec)
		if err != nil {
			return tokens{}, s.rec, err
		}
		s.tokens = &t
	}
	return *s.tokens, s.rec, nil
}

// readAccessToken opens the access token alone, once: a copy of all tokens would be
// most of what it costs.
func (s *Session) readAccessToken(ctx context.Context) (accessToken, error) {
	t, rec, err := s.openAccessToken()
	if err != nil {
		return accessToken{}, s.p.unreadable(ctx, rec, err)
	}
	return t, nil
}

func (s *Session) openAccessToken() (accessToken, storage.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens != nil {
		return accessToken{s.tokens.AccessToken, s.tokens.Expiry}, s.rec, nil
	}
	if s.access == nil {
		t, err := s.p.records.OpenAccessTokenOnce(&s.rec)
		if err != nil {
			return accessToken{}, s.rec, err
		}
		s.access = t
	}
	return accessToken{Secret(s.access.Token), unixTime(s.access.ExpiresAt)}, s.rec, nil
}

// Format prints the user and nothing else, whatever the verb.
func (s *Session) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.Session("+s.Subject()+")")
}

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
// ErrDataTooLarge: v has more than 8 KB as JSON. ErrNoSession: the session has ended, and
// stays so. ErrStoreUnavailable: the Store could not answer.
func (s *Session) SetData(ctx context.Context, v any) error {
	data, err := encodeData(v)
	if err != nil {
		return err
	}
	s.mu.Lock()
	rec := s.rec
	s.mu.Unlock()
	var h head
	var t tokens
	rec, err = s.p.update(ctx, rec, func(stored *head, current *tokens) bool {
		current.Data = data
		h, t = *stored, *current
		return true
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec.Revision > s.rec.Revision {
		s.rec, s.head, s.tokens = rec, &h, &t
	}
	return nil
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

// AuthTime is when the user last gave credentials, by the provider's clock, or the zero
// Time if the ID token does not say. Errors are as for [Session.Profile].
func (s *Session) AuthTime(ctx context.Context) (time.Time, error) {
	var claims struct {
		AuthTime float64 `json:"auth_time"`
	}
	if err := s.Claims(ctx, &claims); err != nil {
		return time.Time{}, err
	}
	return jwt.Date(claims.AuthTime), nil
}

// remembered is for how much longer a session is remembered; 0 if it is not.
func (s *Session) remembered() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.head.Remembered {
		return 0
	}
	return max(time.Unix(s.head.End, 0).Sub(s.p.c.Now()), 0)
}

// isRecent reports whether the user has proved who they are within a time.
func (s *Session) isRecent(ctx context.Context, within time.Duration) bool {
	at, err := s.AuthTime(ctx)
	return err == nil && !at.IsZero() && s.p.provider.Now().Sub(at) <= within+instanceLeeway
}

// watch is what a session knows of its latest listener.
type watch struct {
	listener *notice.Listener
	until    <-chan struct{} // when the listener loses interest
}

// Done returns a channel that is closed when the session ends: at once if it ends
// on this instance, and shortly after if it ends on another instance and the Store
// implements storage.Notifier. Use it to end server-sent events and WebSockets,
// which would otherwise outlive a logout. If a notice is lost, or the session
// expires, the channel is closed within 15 s.
//
// The watch lasts until ctx is done, or [Passport.Close]; then the channel is closed too,
// because nothing would tell the stream of a logout any more. Pass the context of the
// request. It is done when the handler returns, so a handler that leaves a WebSocket to
// other goroutines and returns passes a context of its own, which it cancels when the
// connection closes. ctx.Err says whether the watch ended, and not the session. Calls with
// the same context return the same channel.
//
// A session also ends when the next login in its browser replaces it, such as that of
// [Passport.RequireRecent]. Have the page connect again: if that is a 401, the user is
// signed out.
//
// A shutdown of the server does not end the session, so it does not close the channel:
// http.Server.Shutdown would wait for the stream, and does not close a WebSocket. End
// both with http.Server.RegisterOnShutdown.
func (s *Session) Done(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch == nil || s.watch.until != ctx.Done() {
		s.watch = &watch{listener: s.p.notices.Watch(ctx, s.rec.ID), until: ctx.Done()}
	}
	return s.watch.listener.Ended()
}

// instanceLeeway is by how much the clocks of two instances may differ.
const instanceLeeway = 10 * time.Second
