package browser

import (
	"context"
	"errors"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/localstorage"
)

// When localStorage is full, refreshed tokens are kept beside the session in the
// database or, if that is full too, in this page. They must not be lost: the previous
// refresh token is used up, and sending it again would end the session.

// spilled are tokens that replace those with a certain access token.
type spilled struct {
	InsteadOf string          `json:"instead_of"`
	Tokens    envelope.Tokens `json:"tokens"`
}

// held are tokens that only this page has.
type held struct {
	session string // its ID
	base    uint64 // the revision of what is stored
	user    localstorage.User
	beside  beside
}

// spill keeps u, which does not fit into its place, as long as the session has not
// changed.
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

// withSpilled returns u with the tokens that did not fit. b is stored beside u.
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

// stored returns the revision in the store for a revision that was handed out.
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

// letGo forgets the held tokens, because they are stored or their session has ended.
func (s *sessions) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = nil
}
