package passport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/storage"
)

// Session is a user's app session, as it was when it was looked up. Its tokens are
// decrypted when they are first needed. It may be used from many goroutines at
// once.
type Session struct {
	p    *Passport
	head *head // not to be changed

	mu     sync.Mutex
	rec    storage.Record
	tokens *tokens // nil until somebody asks
	watch  *watch  // nil until somebody asks
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
	claims.Profile.ZkEVMEthAddress = either(claims.Passport.EthAddress, claims.Profile.ZkEVMEthAddress)
	claims.Profile.ZkEVMUserAdminAddress = either(claims.Passport.UserAdminAddress, claims.Profile.ZkEVMUserAdminAddress)
	return claims.Profile, nil
}

// IDToken is the ID token of the login, or of a later refresh that returned a new
// one. It was verified on receipt, and may have expired since. Errors are as for
// [Session.Profile].
func (s *Session) IDToken(ctx context.Context) (Secret, error) {
	t, err := s.read(ctx)
	return t.IDToken, err
}

// AccessToken returns an access token that is valid for at least 30 s, or for less
// if it cannot be refreshed now. Concurrent callers share one refresh, on this
// instance and on others, and the new tokens are stored before they are returned.
// ctx bounds the caller's wait, not the refresh.
//
// ErrNoSession: the session has ended, possibly just now, because the auth domain
// rejected the refresh token. ErrTokenExpired: there is no refresh token. Any other
// error is temporary, and the session goes on.
func (s *Session) AccessToken(ctx context.Context) (Secret, error) {
	t, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	now := s.p.c.Now()
	if t.fresh(now) {
		return t.AccessToken, nil
	}
	if t.RefreshToken == "" {
		if now.Before(t.Expiry) {
			return t.AccessToken, nil
		}
		return "", ErrTokenExpired
	}
	renewed, err := s.refresh(ctx, t, now)
	if err != nil {
		// The margin of 30 s is for this case.
		if !errors.Is(err, ErrNoSession) && s.p.c.Now().Before(t.Expiry) {
			return t.AccessToken, nil
		}
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = &renewed
	return renewed.AccessToken, nil
}

// refreshPatience is how long a caller waits for a refresh while its current token
// is still valid. The refresh goes on.
const refreshPatience = time.Second

func (s *Session) refresh(ctx context.Context, t tokens, now time.Time) (tokens, error) {
	if err := s.p.provider.RefreshDelayed(t.RefreshToken.Reveal()); err != nil {
		return tokens{}, providerError(err)
	}
	if now.Before(t.Expiry) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, refreshPatience)
		defer cancel()
	}
	return s.p.refresh(ctx, s.ID())
}

// expiryMargin is how early a token counts as expired.
const expiryMargin = 30 * time.Second

// fresh reports whether the access token can be returned without a refresh. A token
// without an expiry counts as expired.
func (t tokens) fresh(now time.Time) bool {
	return t.AccessToken != "" && now.Add(expiryMargin).Before(t.Expiry)
}

// read opens the tokens, once.
func (s *Session) read(ctx context.Context) (tokens, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		t, err := openTokens(s.p.c.keys, s.rec)
		if err != nil {
			return tokens{}, s.p.unreadable(ctx, s.rec, err)
		}
		s.tokens = &t
	}
	return *s.tokens, nil
}

// Format prints the user and nothing else, whatever the verb.
func (s *Session) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.Session("+s.Subject()+")")
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
