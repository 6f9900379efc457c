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
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/seal"
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

// accessToken is what many requests ask for, and nothing besides.
type accessToken struct {
	token  Secret
	expiry time.Time // zero if the provider did not say
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
// ErrDataTooLarge: v has more than 8 KB. ErrNoSession: the session has ended, and
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
	return err == nil && !at.IsZero() && s.p.c.Now().Sub(at) <= within+instanceLeeway
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
// The watch lasts until ctx is done: pass the context of the request. Calls with
// the same context return the same channel.
//
// A shutdown ends no session, so the channel stays open then, while
// http.Server.Shutdown waits for the stream, or forgets it if it is hijacked, as a
// WebSocket is. End streams with http.Server.RegisterOnShutdown.
func (s *Session) Done(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch == nil || s.watch.until != ctx.Done() {
		s.watch = &watch{listener: s.p.notices.Watch(ctx, s.rec.ID), until: ctx.Done()}
	}
	return s.watch.listener.Ended()
}

// tokens are the body of a session.
type tokens struct {
	IDToken      Secret
	AccessToken  Secret
	RefreshToken Secret
	TokenType    string
	Scope        string
	Expiry       time.Time // of the access token; zero if the provider did not say
	UserInfo     Secret    // claims of the UserInfo endpoint, a JSON object; mostly empty
	Data         Secret    // the program's own, JSON; mostly empty
}

func (t tokens) marshal() []byte {
	j := envelope.Tokens{
		IDToken:      t.IDToken.Reveal(),
		AccessToken:  t.AccessToken.Reveal(),
		RefreshToken: t.RefreshToken.Reveal(),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		UserInfo:     t.UserInfo.Reveal(),
		Data:         t.Data.Reveal(),
	}
	if !t.Expiry.IsZero() {
		j.ExpiresAt = t.Expiry.Unix()
	}
	return j.Marshal()
}

// openTokens opens the tokens in a stored session.
func openTokens(records *records.Records, r storage.Record) (tokens, error) {
	j, err := records.OpenTokens(r)
	if err != nil {
		return tokens{}, err
	}
	t := tokens{
		IDToken:      Secret(j.IDToken),
		AccessToken:  Secret(j.AccessToken),
		RefreshToken: Secret(j.RefreshToken),
		TokenType:    j.TokenType,
		Scope:        j.Scope,
		UserInfo:     Secret(j.UserInfo),
		Data:         Secret(j.Data),
	}
	t.Expiry = unixTime(j.ExpiresAt)
	return t, nil
}

// unixTime is a time as it is stored: 0 for the zero Time.
func unixTime(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// tokensOf are tokens as the provider issued them.
func tokensOf(t provider.Tokens) tokens {
	return tokens{
		IDToken:      Secret(t.IDToken),
		AccessToken:  Secret(t.AccessToken),
		RefreshToken: Secret(t.RefreshToken),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		Expiry:       t.Expiry,
		UserInfo:     Secret(t.UserInfo),
	}
}

// issued is the reverse of tokensOf.
func (t tokens) issued() provider.Tokens {
	return provider.Tokens{
		IDToken:      t.IDToken.Reveal(),
		AccessToken:  t.AccessToken.Reveal(),
		RefreshToken: t.RefreshToken.Reveal(),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		Expiry:       t.Expiry,
		UserInfo:     t.UserInfo.Reveal(),
	}
}

// expiryMargin is how early a token counts as expired.
const expiryMargin = 30 * time.Second

// fresh reports whether the access token can be returned without a refresh. A token
// without an expiry counts as expired.
func (t tokens) fresh(now time.Time) bool { return accessToken{t.AccessToken, t.Expiry}.fresh(now) }

func (t accessToken) fresh(now time.Time) bool {
	return t.token != "" && now.Add(expiryMargin).Before(t.expiry)
}

// readClaims decodes the claims of a session: those of the ID token, which was
// verified when it came, over those of the UserInfo endpoint. Names are exact, and
// a claim of another type is left out.
func (t tokens) readClaims(claims any) error {
	token, err := jwt.Parse(t.IDToken.Reveal())
	if err != nil {
		return err
	}
	if t.UserInfo != "" {
		if err := jwt.Unmarshal([]byte(t.UserInfo), claims); err != nil {
			return err
		}
	}
	return jwt.Unmarshal(token.Payload, claims)
}

func (t tokens) claims(v any) error {
	if err := t.readClaims(v); err != nil {
		return fmt.Errorf("passport: the claims of the ID token cannot be decoded into %T: %w", v, err)
	}
	return nil
}

// unreadable ends a session whose record was tampered with; if its tokens can
// still be read, they are revoked. One whose key is not configured is left
// alone: the key may yet come, with the next deployment. So is one that a later
// version has written.
func (p *Passport) unreadable(ctx context.Context, rec storage.Record, err error) error {
	if !errors.Is(err, seal.ErrOpen) {
		p.c.Logger.Error("passport: a session cannot be read", "error", err)
		return fmt.Errorf("%w: %w", ErrNoSession, err)
	}
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	removed, removeErr := p.deleteSession(call, rec.ID)
	switch {
	case removeErr == nil, notSafe(removeErr):
		_ = p.makeSafe(removeErr, EventSessionLost, removed.Record)
		p.notices.Announce(rec.ID)
		p.emit(Event{Name: EventSessionLost, Session: rec.ID, Subject: rec.Subject, SID: rec.SID, Context: ctx, Err: err})
		p.revoker.RevokeOne(removed)
	case !errors.Is(removeErr, storage.ErrNotFound):
		err = errors.Join(err, removeErr)
		p.c.Logger.Error("passport: a session that cannot be read could not be ended yet", "error", err)
	}
	return fmt.Errorf("%w: %w", ErrNoSession, err)
}

// update changes a stored session, from rec on: change is called with its head and
// tokens, again if another writer came in between, and says whether there is anything
// to store. A session that has ended is not brought back: ErrNoSession.
func (p *Passport) update(ctx context.Context, rec storage.Record, change func(*head, *tokens) bool) (storage.Record, error) {
	rec, err := p.updateSafely(ctx, rec, change)
	if records.NotReplicated(err) {
		err = nil
	}
	return rec, err
}

// updateSafely is update that says if the change is not safe from a fail-over.
func (p *Passport) updateSafely(ctx context.Context, rec storage.Record, change func(*head, *tokens) bool) (storage.Record, error) {
	var unreadable error
	rec, err := p.records.Change(ctx, rec, func(rec storage.Record) (storage.Record, bool, error) {
		h, err := p.records.OpenHead(rec)
		var t tokens
		if err == nil {
			t, err = openTokens(p.records, rec)
		}
		if err != nil {
			unreadable = p.unreadable(ctx, rec, err)
			return rec, false, unreadable
		}
		if !p.records.Alive(&rec, &h) {
			return rec, false, storage.ErrNotFound
		}
		before := t
		if !change(&h, &t) {
			return rec, false, nil
		}
		if t != before {
			return p.records.SealSession(rec, h, t.marshal()), true, nil
		}
		next, err := p.records.SealHead(rec, h)
		return next, err == nil, err
	})
	switch {
	case unreadable != nil:
		return rec, unreadable
	case records.NotReplicated(err):
		return rec, err
	case err != nil:
		return rec, storeError(err)
	}
	return rec, nil
}

// instanceLeeway is by how much the clocks of two instances may differ.
const instanceLeeway = 10 * time.Second
