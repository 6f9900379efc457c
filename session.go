package passport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// Session is a user's app session, as it was when it was looked up. The tokens
// in it are decrypted when they are first asked for. It may be used from many
// goroutines at once.
type Session struct {
	p    *Passport
	head head

	mu     sync.Mutex
	rec    storage.Record
	tokens *tokens // nil until somebody asks
	watch  *watch  // nil until somebody asks
}

// Session looks up the session whose secret id a browser holds. It is what
// [Passport.Handler] does for net/http, for other frameworks. ErrNoSession
// means that there is none, ErrStoreUnavailable that the Store could not answer.
func (p *Passport) Session(ctx context.Context, id Secret) (*Session, error) {
	p.revoker.begin()
	if !plausibleID(string(id)) {
		return nil, ErrNoSession
	}
	s := &Session{}
	if err := p.find(ctx, id, s); err != nil {
		return nil, err
	}
	return s, nil
}

// find looks a session up into s, by the secret that a browser holds.
func (p *Passport) find(ctx context.Context, secret Secret, s *Session) error {
	id, remembered := p.ids.Session(string(secret))
	err := p.findByID(ctx, id, s)
	switch {
	case err != nil && remembered:
		p.ids.Forget(string(secret))
	case err == nil && !remembered:
		p.ids.Remember(string(secret), id)
	}
	return err
}

// findByID looks a session up into s, and writes down now and then that it was
// seen.
func (p *Passport) findByID(ctx context.Context, id string, s *Session) error {
	rec, err := p.loadForRequest(ctx, id)
	if err != nil {
		return storeError(err)
	}
	s.p, s.rec = p, rec
	if s.head, err = p.heads.OpenHead(p.c.keys, rec); err != nil {
		return p.unreadable(ctx, rec, err)
	}
	now := p.c.Now().Unix()
	if now >= p.end(s.head) {
		return ErrNoSession
	}
	if p.c.IdleTimeout > 0 && now-s.head.Seen >= int64(p.touchEvery()/time.Second) {
		return p.touch(ctx, s, now)
	}
	return nil
}

// touch writes down that the session is in use. That another request or a
// refresh got in first is as good; that the session is gone is the news of the
// day; and a store that cannot write now can do so at the next request.
func (p *Passport) touch(ctx context.Context, s *Session, now int64) error {
	h, rec := s.head, s.rec
	h.Seen = now
	rec.Expiry = p.expiry(h)
	rec, err := envelope.SealHead(p.c.keys, rec, h)
	if err != nil {
		return p.unreadable(ctx, s.rec, err)
	}
	saved, err := p.save(ctx, rec)
	switch {
	case err == nil:
		s.rec, s.head = saved, h
	case errors.Is(err, storage.ErrNotFound):
		return ErrNoSession
	case !errors.Is(err, storage.ErrConflict):
		p.c.Logger.Warn("passport: a session's last use could not be written down", "error", err)
	}
	return nil
}

// touchEvery is how exact the idle time-out is kept.
func (p *Passport) touchEvery() time.Duration {
	return min(max(p.c.IdleTimeout/60, time.Second), time.Minute)
}

// end is the second in which a session with head h ends by itself.
func (p *Passport) end(h head) int64 {
	if p.c.IdleTimeout == 0 {
		return h.End
	}
	return min(h.End, h.Seen+int64((p.c.IdleTimeout+p.touchEvery())/time.Second))
}

func (p *Passport) expiry(h head) time.Time { return time.Unix(p.end(h), 0) }

// unreadable ends a session whose record was tampered with; if its tokens can
// still be read, they are revoked. One whose key is not configured is left
// alone: the key may yet come, with the next deployment. So is one that a later
// version has written.
func (p *Passport) unreadable(ctx context.Context, rec storage.Record, err error) error {
	if !errors.Is(err, seal.ErrOpen) {
		p.c.Logger.Error("passport: a session cannot be read", "error", err)
		return fmt.Errorf("%w: %w", ErrNoSession, err)
	}
	call, cancel := p.storeCall(ctx)
	defer cancel()
	debt, removeErr := p.remove(call, rec.ID)
	switch {
	case removeErr == nil:
		p.announce(rec.ID)
		p.emit(Event{Name: EventSessionLost, Session: rec.ID, Subject: rec.Subject, SID: rec.SID, Context: ctx, Err: err})
		p.revoker.pay(debt)
	case !errors.Is(removeErr, storage.ErrNotFound):
		err = errors.Join(err, removeErr)
		p.c.Logger.Error("passport: a session that cannot be read could not be ended yet", "error", err)
	}
	return fmt.Errorf("%w: %w", ErrNoSession, err)
}

// storeError tells "there is none" from "the store could not answer".
func storeError(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return ErrNoSession
	}
	return fmt.Errorf("%w: %w", ErrStoreUnavailable, err)
}

// update changes a stored session, from rec on: change is called with its head
// and tokens, again if another writer came in between, and says whether there
// is anything to store. A session that has ended is not brought back:
// ErrNoSession.
func (p *Passport) update(ctx context.Context, rec storage.Record, change func(*head, *tokens) bool) (storage.Record, error) {
	for {
		h, err := envelope.OpenHead(p.c.keys, rec)
		if err != nil {
			return rec, p.unreadable(ctx, rec, err)
		}
		t, err := openTokens(p.c.keys, rec)
		if err != nil {
			return rec, p.unreadable(ctx, rec, err)
		}
		before := t
		if !change(&h, &t) {
			return rec, nil
		}
		if !rec.Expiry.After(p.c.Now()) { // unless another request has kept it alive
			latest, err := p.load(ctx, rec.ID)
			if err != nil {
				return rec, storeError(err)
			}
			if !latest.Expiry.After(p.c.Now()) {
				return rec, ErrNoSession
			}
			rec = latest
			continue
		}
		var next storage.Record
		if t == before {
			next, err = envelope.SealHead(p.c.keys, rec, h)
		} else {
			next = envelope.Seal(p.c.keys, rec, h, t.marshal())
		}
		if err != nil {
			return rec, p.unreadable(ctx, rec, err)
		}
		saved, err := p.save(ctx, next)
		if err == nil {
			return saved, nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return rec, storeError(err)
		}
		if rec, err = p.load(ctx, rec.ID); err != nil {
			return rec, storeError(err)
		}
	}
}

// requestTimeout bounds how long a request waits for the store to find its session.
const requestTimeout = 5 * time.Second

// loadForRequest is load for a request that waits. A store in this process keeps
// nobody waiting, and is spared the timer.
func (p *Passport) loadForRequest(ctx context.Context, id string) (storage.Record, error) {
	if p.inProcess {
		return p.store.Load(ctx, id)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return p.store.Load(ctx, id)
}

// load and save are the store's, with a bound of their own: for work that no
// request waits for, or that none needs.
func (p *Passport) load(ctx context.Context, id string) (storage.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return p.store.Load(ctx, id)
}

func (p *Passport) save(ctx context.Context, r storage.Record) (storage.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return p.store.Save(ctx, r)
}

// ID names the session to the app: for [Passport.EndSession], for a list of
// sessions, for a log. It is derived from the secret id in the browser's cookie
// and does not lead back to it.
func (s *Session) ID() string { return s.record().ID }

// Subject is the user: the sub of the ID token.
func (s *Session) Subject() string { return s.record().Subject }

// record returns the record as it was last read or written.
func (s *Session) record() storage.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rec
}

// Profile is what the ID token says of the user. Fields that the token does not
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

// Profile reads the ID token that the session holds; it makes no call to the
// network. An error means that the stored session cannot be read. ErrNoSession:
// it was tampered with, and has been ended; or its key is not among
// Config.EncryptionKeys, and it is left alone, for the key may yet come.
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

// IDToken is the ID token of the login, or of a later refresh that brought a
// new one. It was verified when it came, and may have expired since. Errors as
// for [Session.Profile].
func (s *Session) IDToken(ctx context.Context) (Secret, error) {
	t, err := s.read(ctx)
	return t.IDToken, err
}

// AccessToken is an access token that lives for 30 s at least, or for whatever
// is left of that if it cannot be refreshed now. A refresh is done once for all
// who ask at the same time, on this instance and on others, and the new tokens
// are stored before they are handed out. ctx bounds the caller's wait, not the
// refresh.
//
// ErrNoSession: the session has ended, maybe just now, because the auth domain
// refused the refresh token for good. ErrTokenExpired: there is no refresh
// token. Any other error is a passing one, and the session lives on.
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
		// The last 30 s are for such a moment.
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

// refreshPatience is how long a caller waits for a refresh while the token that it
// has is still good. The refresh goes on.
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

// fresh reports whether the access token may be handed out as it is. One that
// does not say when it expires counts as expired.
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
