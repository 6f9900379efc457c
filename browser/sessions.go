package browser

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/localstorage"
)

// sessions is the engine's store. It has one session, shared with the JavaScript SDK:
// it stores what the engine has sealed in that SDK's format, and seals it again when
// the engine reads it. It stores records of other kinds (finished logins, marks), and
// all revocations, unchanged.
type sessions struct {
	*localstorage.Store
	keys   *seal.Keys
	tenant *envelope.Tenant
	now    func() time.Time

	mu       sync.Mutex
	known    map[string]bool // IDs of sessions that this tab has seen; see Listen
	last     string          // the last one that it has seen, or empty
	held     *held           // or nil
	progress progress
}

var (
	_ storage.TokenStore      = (*sessions)(nil)
	_ storage.Lister          = (*sessions)(nil)
	_ storage.RevocationQueue = (*sessions)(nil)
	_ storage.Notifier        = (*sessions)(nil)
)

// currentID stands for the current session, whichever it is.
const currentID = "current"

// beside is stored beside a session: the data that the JavaScript SDK's format has no
// place for.
type beside struct {
	// Secret is the secret id, from which the ID is derived. It is made here, since a
	// session that the JavaScript SDK has begun has none.
	Secret string `json:"secret"`

	// Begun is the ID under which the engine began the session. Reloading the login's
	// callback leads to it.
	Begun string `json:"begun,omitempty"`

	Head envelope.Head `json:"head"`

	// UserInfo are claims of the UserInfo endpoint, a JSON object; usually empty.
	UserInfo string `json:"user_info,omitempty"`

	// Data is the program's own data, JSON; usually empty.
	Data string `json:"data,omitempty"`

	// Spilled are tokens that did not fit into their place, or nil.
	Spilled *spilled `json:"spilled,omitempty"`
}

func (s *sessions) id(b beside) string { return s.tenant.ID(storage.KindSession, b.Secret) }

func (b beside) marshal() []byte {
	data, _ := json.Marshal(b) // cannot fail for strings and numbers
	return data
}

func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// secret returns the secret id of the session, or "" if there is none.
func (s *sessions) secret(ctx context.Context) (passport.Secret, error) {
	_, b, err := s.current(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("browser: the session could not be looked up: %w", err)
	}
	return passport.Secret(b.Secret), nil
}

// current returns the session. It adopts one that the JavaScript SDK has begun, and
// gives it an id and an expiry.
func (s *sessions) current(ctx context.Context) (localstorage.User, beside, error) {
	for {
		u, err := s.LoadUser(ctx)
		if err != nil {
			return u, beside{}, err
		}
		var b beside
		if json.Unmarshal(u.Extra, &b) == nil && b.Secret != "" {
			s.saw(s.id(b))
			u, b = s.withSpilled(u, b)
			return u, b, nil
		}
		now := s.now().Unix()
		b = beside{Secret: newSecret(), Head: envelope.Head{Begun: now, Seen: now, End: u.Expiry.Unix()}}
		u.Extra = b.marshal()
		_, err = s.SaveUser(ctx, u)
		if err != nil && !errors.Is(err, storage.ErrConflict) {
			return u, beside{}, err
		}
	}
}

// currentOrLast returns the ID of the session, or "". With an error, it returns the ID
// that this tab last saw.
func (s *sessions) currentOrLast(ctx context.Context) (string, error) {
	_, b, err := s.current(ctx)
	switch {
	case err == nil:
		return s.id(b), nil
	case errors.Is(err, storage.ErrNotFound):
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, fmt.Errorf("browser: the session could not be looked up: %w", err)
}

// find returns the session if id is its ID.
func (s *sessions) find(ctx context.Context, id string) (localstorage.User, beside, bool, error) {
	u, b, err := s.current(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return u, b, false, nil
	}
	return u, b, err == nil && id != "" && (id == s.id(b) || id == b.Begun || id == currentID), err
}

// Load implements storage.TokenStore.
func (s *sessions) Load(ctx context.Context, id string) (storage.Record, error) {
	u, b, found, err := s.find(ctx, id)
	if err != nil {
		return storage.Record{}, err
	}
	if !found {
		return s.Store.Load(ctx, id)
	}
	return s.record(u, b, id), nil
}

// Save implements storage.TokenStore. A new session replaces the previous one, which is
// revoked.
func (s *sessions) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	if r.Kind != storage.KindSession {
		return s.Store.Save(ctx, r)
	}
	u, head, own, err := s.user(r)
	if err != nil {
		return storage.Record{}, err
	}
	if r.Revision == 0 {
		return s.begin(ctx, u, beside{Secret: newSecret(), Begun: r.ID, Head: head, UserInfo: own.UserInfo, Data: own.Data})
	}
	_, b, found, err := s.find(ctx, r.ID)
	if err != nil {
		return storage.Record{}, err
	}
	if !found {
		return storage.Record{}, storage.ErrNotFound
	}
	if u.Revision, err = s.stored(u.Revision); err != nil {
		return storage.Record{}, err
	}
	b.Head, b.UserInfo, b.Data, b.Spilled = head, own.UserInfo, own.Data, nil
	u.Extra = b.marshal()
	saved, err := s.SaveUser(ctx, u)
	if err == nil {
		s.letGo()
	}
	if errors.Is(err, storage.ErrFull) {
		saved, err = s.spill(ctx, u, b)
	}
	if err != nil {
		return storage.Record{}, err
	}
	return s.record(saved, b, r.ID), nil
}

func (s *sessions) begin(ctx context.Context, u localstorage.User, b beside) (storage.Record, error) {
	u.Extra = b.marshal()
	for {
		saved, err := s.SaveUser(ctx, u)
		if err == nil {
			s.saw(s.id(b))
			return s.record(saved, b, b.Begun), nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return storage.Record{}, err
		}
		if err := s.replace(ctx); err != nil {
			return storage.Record{}, err
		}
	}
}

// replace ends the session that a new one replaces. The next Claim gets its revocation.
func (s *sessions) replace(ctx context.Context) error {
	const lease = time.Nanosecond
	queued, err := s.DeleteAndEnqueue(ctx, currentID, lease)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// Tabs that miss the notice recheck periodically.
	_ = s.Notify(ctx, queued.Record.ID)
	return nil
}

// Delete implements storage.TokenStore.
func (s *sessions) Delete(ctx context.Context, id string) (storage.Record, error) {
	for {
		u, b, found, err := s.find(ctx, id)
		if err != nil {
			return storage.Record{}, err
		}
		if !found {
			return s.Store.Delete(ctx, id)
		}
		revision, err := s.stored(u.Revision)
		if err == nil {
			_, err = s.DeleteUser(ctx, revision)
		}
		if err == nil {
			s.letGo()
			return s.record(u, b, s.id(b)), nil
		}
		if !again(err) {
			return storage.Record{}, err
		}
	}
}

// DeleteAndEnqueue implements storage.RevocationQueue.
func (s *sessions) DeleteAndEnqueue(ctx context.Context, id string, lease time.Duration) (storage.Revocation, error) {
	if id == s.takenID() {
		return s.endTaken(ctx, lease)
	}
	for {
		u, b, found, err := s.find(ctx, id)
		if err != nil {
			return storage.Revocation{}, err
		}
		if !found {
			return s.Store.DeleteAndEnqueue(ctx, id, lease)
		}
		revision, err := s.stored(u.Revision)
		var queued storage.Revocation
		if err == nil {
			queued, err = s.DeleteUserAndEnqueue(ctx, revision, s.record(u, b, s.id(b)), lease)
		}
		if err == nil {
			s.letGo()
		}
		if err == nil || !again(err) {
			return queued, err
		}
	}
}

// again reports whether the session changed between a look-up and a change, so that the
// change must be retried.
func again(err error) bool {
	return errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrNotFound)
}

// DeleteMatching implements storage.TokenStore.
func (s *sessions) DeleteMatching(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	deleted, err := s.Store.DeleteMatching(ctx, m)
	if err != nil {
		return nil, err
	}
	id, err := s.matching(ctx, m)
	if id == "" || err != nil {
		return deleted, err
	}
	r, err := s.Delete(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return deleted, nil
	}
	if err != nil {
		return deleted, err
	}
	return append(deleted, r), nil
}

// DeleteMatchingAndEnqueue implements storage.RevocationQueue.
func (s *sessions) DeleteMatchingAndEnqueue(ctx context.Context, m storage.Match, lease time.Duration) ([]storage.Revocation, error) {
	others, err := s.Store.DeleteMatchingAndEnqueue(ctx, m, lease)
	if err != nil {
		return nil, err
	}
	id, err := s.matching(ctx, m)
	if id == "" || err != nil {
		return others, err
	}
	queued, err := s.DeleteAndEnqueue(ctx, id, lease)
	if errors.Is(err, storage.ErrNotFound) {
		return others, nil
	}
	if err != nil {
		return others, err
	}
	return append(others, queued), nil
}

// List implements storage.Lister.
func (s *sessions) List(ctx context.Context, m storage.Match) ([]storage.Record, error) {
	id, err := s.matching(ctx, m)
	if id == "" {
		return nil, err
	}
	r, err := s.Load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []storage.Record{r}, nil
}

// matching returns the ID of the session if m selects it, or "".
func (s *sessions) matching(ctx context.Context, m storage.Match) (string, error) {
	if m.Subject == "" && m.SID == "" {
		return "", storage.ErrEmptyMatch
	}
	u, b, err := s.current(ctx)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case m.Tenant != s.tenant.Name(), m.Kind != storage.KindSession, m.Subject != "" && m.Subject != u.Subject, m.SID != "" && m.SID != u.SID, m.Except == s.id(b):
		return "", nil
	}
	return s.id(b), nil
}

// Listen implements storage.Notifier. The JavaScript SDK does not say which session it
// has ended, so Listen reports those that this tab has seen.
func (s *sessions) Listen(ctx context.Context, ready func(), ended func(id string)) error {
	return s.Store.Listen(ctx, ready, func(id string) {
		if id != localstorage.UserID {
			ended(id)
			return
		}
		for _, id := range s.gone(ctx) {
			ended(id)
		}
	})
}

func (s *sessions) saw(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[id], s.last = true, id
}

// gone returns the sessions that this tab has seen and that no longer exist.
func (s *sessions) gone(ctx context.Context) (ids []string) {
	_, b, err := s.current(ctx)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.known {
		if err != nil || id != s.id(b) {
			ids = append(ids, id)
			delete(s.known, id)
		}
	}
	return ids
}

// user converts r to the JavaScript SDK's format, and also returns what that has no
// place for.
func (s *sessions) user(r storage.Record) (u localstorage.User, head envelope.Head, own envelope.Tokens, err error) {
	if head, err = envelope.OpenHead(s.keys, r); err != nil {
		return u, head, own, err
	}
	body, err := envelope.OpenBody(s.keys, r)
	if err != nil {
		return u, head, own, err
	}
	t, err := envelope.ParseTokens(body)
	if err != nil {
		return u, head, own, fmt.Errorf("browser: the session to be stored: %w", err)
	}
	u = localstorage.User{
		IDToken:      t.IDToken,
		AccessToken:  t.AccessToken,
		RefreshToken: t.RefreshToken,
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		Revision:     r.Revision,
		Expiry:       r.Expiry,
		TokenExpiry:  expiryOf(t),
	}
	return u, head, t, nil
}

// record converts u to the engine's record, under one of its IDs.
func (s *sessions) record(u localstorage.User, b beside, id string) storage.Record {
	if id == currentID {
		id = s.id(b)
	}
	r := storage.Record{
		ID: id, Tenant: s.tenant.Name(), Kind: storage.KindSession,
		Subject: u.Subject, SID: u.SID, Revision: u.Revision, Expiry: u.Expiry,
	}
	t := tokensOf(u)
	t.UserInfo, t.Data = b.UserInfo, b.Data
	return envelope.SealSession(s.keys, r, b.Head, t.Marshal())
}

func tokensOf(u localstorage.User) envelope.Tokens {
	t := envelope.Tokens{
		IDToken:      u.IDToken,
		AccessToken:  u.AccessToken,
		RefreshToken: u.RefreshToken,
		TokenType:    u.TokenType,
		Scope:        u.Scope,
	}
	if !u.TokenExpiry.IsZero() {
		t.ExpiresAt = u.TokenExpiry.Unix()
	}
	return t
}

func expiryOf(t envelope.Tokens) time.Time {
	if t.ExpiresAt == 0 {
		return time.Time{}
	}
	return time.Unix(t.ExpiresAt, 0)
}

// writtenBack returns the record to revoke for a session that the JavaScript SDK has
// written back after its end.
func (s *sessions) writtenBack(u localstorage.User) (storage.Record, error) {
	return s.record(u, beside{}, newSecret()), nil
}

// Retry implements storage.RevocationQueue. An attempt without a network says nothing
// about the auth domain, so the next one need not back off.
func (s *sessions) Retry(ctx context.Context, r storage.Revocation, due time.Time) error {
	if soon := s.now().Add(offlineRetry); noNetwork() && due.After(soon) {
		due = soon
	}
	return s.Store.Retry(ctx, r, due)
}

// offlineRetry is how often to check whether the network is back.
const offlineRetry = 5 * time.Second
