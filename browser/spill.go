package browser

import (
	"context"
	"errors"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/localstorage"
)

// Refreshed tokens for which localStorage has no room: the refresh token before them
// is used up, and to send it again would end the session. They stand beside the
// session in the database, and if that is full too, in this page.

// spilled are tokens that belong in the place of those with an access token.
type spilled struct {
	InsteadOf string          `json:"instead_of"`
	Tokens    envelope.Tokens `json:"tokens"`
}

// held are tokens that are in this page alone.
type held struct {
	session string // its ID
	base    uint64 // the revision of what is stored
	user    localstorage.User
	beside  beside
}

// spill keeps u, for which there is no room in its place, as long as the session is
// what it was.
func (s *sessions) spill(ctx context.Context, u localstorage.User, b beside) (localstorage.User, error) {
	old, err := s.LoadUser(ctx)
	if err != nil {
		return u, err
	}
	if old.Revision != u.Revision {
		return u, storage.ErrConflict
	}
	b.Spilled = &spilled{InsteadOf: old.AccessToken, Tokens: tokensOf(u)}
	old.Extra = b.marshal()
	without := old
	without.RefreshToken = "" // so that no script sends it again
	for _, stored := range []localstorage.User{without, old} {
		saved, err := s.SaveUser(ctx, stored)
		if err == nil {
			saved, _ = s.withSpilled(saved, b)
			return saved, nil
		}
		if !errors.Is(err, storage.ErrFull) {
			return u, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u.Subject, u.SID = old.Subject, old.SID
	b.Spilled = nil
	s.held = &held{session: s.id(b), base: u.Revision, user: u, beside: b}
	s.held.user.Revision++
	return s.held.user, nil
}

// withSpilled puts the tokens for which there is no room into their place in u, which
// b stands beside.
func (s *sessions) withSpilled(u localstorage.User, b beside) (localstorage.User, beside) {
	if b.Spilled != nil && b.Spilled.InsteadOf == u.AccessToken {
		t := b.Spilled.Tokens
		u.IDToken, u.AccessToken, u.RefreshToken = t.IDToken, t.AccessToken, t.RefreshToken
		u.TokenType, u.Scope, u.TokenExpiry = t.TokenType, t.Scope, expiryOf(t)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.held; h != nil && h.session == s.id(b) && h.base == u.Revision {
		return h.user, h.beside
	}
	return u, b
}

// stored is the revision that what is stored has for one that was handed out.
func (s *sessions) stored(revision uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.held == nil:
		return revision, nil
	case revision == s.held.base:
		return 0, storage.ErrConflict
	case revision == s.held.base+1:
		return s.held.base, nil
	default:
		return revision, nil
	}
}

// letGo forgets what is held: it is stored, or its session has ended.
func (s *sessions) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = nil
}
