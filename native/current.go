package native

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// userState is the record that all runs and processes of the program share: the
// passport.BrowserState of the user's browser, and what a process that died has left
// unfinished.
type userState struct {
	// Session is the secret id of the current session, and ID its public one. Both
	// are empty if the user is signed out.
	Session string `json:"session,omitempty"`
	ID      string `json:"id,omitempty"`

	// The rest of the BrowserState.
	Logins         []string `json:"logins,omitempty"`
	Logout         string   `json:"logout,omitempty"`
	LogoutFinished bool     `json:"logout_finished,omitempty"`

	// Ending says that a logout has begun. It is stored first, so that another
	// process can finish the logout if this one dies.
	Ending bool `json:"ending,omitempty"`

	// Replaced are the IDs of sessions that later ones have replaced and that are
	// yet to be ended.
	Replaced []string `json:"replaced,omitempty"`

	// BrowserID is the ID of the browser that the user signed in with.
	BrowserID string `json:"browser,omitempty"`
}

// unreadable is the state of a logout when the record cannot be opened, because its
// key is gone.
const unreadable = "unreadable"

// browserState returns s for the verbs of package passport.
func (s userState) browserState() passport.BrowserState {
	b := passport.BrowserState{Session: passport.Secret(s.Session), Logout: passport.Secret(s.Logout), LogoutFinished: s.LogoutFinished}
	for _, login := range s.Logins {
		b.Logins = append(b.Logins, passport.Secret(login))
	}
	return b
}

// mostLogins bounds the logins in progress that are remembered.
const mostLogins = 8

// addLogins remembers the logins in progress of b.
func (s *userState) addLogins(b passport.BrowserState) {
	var logins []string
	for _, login := range b.Logins {
		logins = append(logins, login.Reveal())
	}
	for _, login := range s.Logins {
		if !slices.Contains(logins, login) {
			logins = append(logins, login)
		}
	}
	s.Logins = logins[:min(len(logins), mostLogins)]
}

// current is the record.
type current struct {
	store    storage.TokenStore
	keys     *seal.Keys
	id       string
	lifetime time.Duration
	now      func() time.Time
}

const (
	// storeTimeout bounds writes that must happen even if the caller's context is
	// done.
	storeTimeout = 10 * time.Second

	// graceTime is what is left of that once the caller's context is done.
	graceTime = 2 * time.Second
)

func newCurrent(c Config, keys *seal.Keys) *current {
	return &current{
		store:    c.Store,
		keys:     keys,
		id:       currentID(authdomain.Issuer(c.Issuer, c.AuthDomain), c.ClientID),
		lifetime: max(c.SessionLifetime, logoutstate.Life),
		now:      c.Now,
	}
}

// currentID returns the ID of the record: each client of each issuer has its own.
func currentID(issuer, clientID string) string {
	sum := sha256.Sum256([]byte("native:" + envelope.NewTenant(issuer, clientID).Name()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (c *current) load(ctx context.Context) (userState, error) {
	s, _, err := c.read(ctx)
	return s, err
}

// read returns the state and its record. If the record cannot be opened, because its
// key is gone, neither can the session, and nothing is known of the Passport session.
// What a later version of the program has written is an error: to replace it would lose
// its session.
func (c *current) read(ctx context.Context) (userState, storage.Record, error) {
	rec, err := c.store.Load(ctx, c.id)
	if errors.Is(err, storage.ErrNotFound) {
		return userState{}, storage.Record{ID: c.id, Kind: storage.KindBrowser}, nil
	}
	if err != nil {
		return userState{}, rec, storeError(err)
	}
	var s userState
	body, err := envelope.OpenBody(c.keys, rec)
	switch {
	case err == nil && json.Unmarshal(body, &s) == nil:
		return s, rec, nil
	case err == nil, errors.Is(err, seal.ErrLater):
		return userState{}, rec, storeError(errLater)
	}
	return userState{Logout: unreadable}, rec, nil
}

var errLater = fmt.Errorf("a newer version of this program has written who is signed in: run that version: %w", seal.ErrLater)

func storeError(err error) error {
	return fmt.Errorf("native: %w: %w", passport.ErrStoreUnavailable, err)
}

// update changes the record, and returns what it was before. It retries if another
// process changes it at the same time. When ctx ends, graceTime remains.
func (c *current) update(ctx context.Context, change func(*userState)) (before userState, err error) {
	ctx, cancel := withGrace(ctx)
	defer cancel()
	for {
		before, rec, err := c.read(ctx)
		if err != nil {
			return before, err
		}
		after := before
		change(&after)
		if reflect.DeepEqual(before, after) {
			return before, nil
		}
		body, err := json.Marshal(after)
		if err != nil {
			return before, err
		}
		rec.Expiry = c.now().Add(c.lifetime)
		_, err = c.store.Save(ctx, envelope.Seal(c.keys, rec, envelope.Head{}, body))
		if err == nil {
			return before, nil
		}
		if !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound) {
			return before, storeError(err)
		}
	}
}

// withGrace returns a context for writes that must happen even if ctx is done: it
// ends after storeTimeout, or graceTime after ctx.
func withGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(graceTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-work.Done():
		}
	})
	return work, func() { stop(); cancel() }
}
