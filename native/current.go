package native

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// standing is how the user stands, as one record in the store says to all runs
// and processes of the program.
type standing struct {
	// Secret is the secret id of the current session, and ID the other one.
	// Both are empty if the user is signed out.
	Secret string `json:"secret,omitempty"`
	ID     string `json:"id,omitempty"`

	// Ending says that the session is about to be ended by a logout. It is
	// written down first, so that a process that dies in between leaves
	// somebody else to do it, and not a session.
	Ending bool `json:"ending,omitempty"`

	// Replaced are the IDs, with spaces between them, of sessions that others
	// have taken the place of, and that are yet to be ended.
	Replaced string `json:"replaced,omitempty"`

	// Unfinished names the last logout that is not known to have ended the
	// Passport session. While it is there, a login asks for credentials.
	Unfinished string `json:"unfinished,omitempty"`

	// LastLogout names the last logout, finished or not: a login that it came
	// in the middle of is none.
	LastLogout string `json:"last_logout,omitempty"`

	// Browser is the mark of the browser that the user signed in with; see
	// marks.
	Browser string `json:"browser,omitempty"`
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
	// storeTimeout bounds what has to be written down whatever becomes of the
	// caller.
	storeTimeout = 10 * time.Second

	// leastLifetime is how long Auth0 lets a Passport session live at most, and
	// so how long it matters that a logout is unfinished.
	leastLifetime = 30 * 24 * time.Hour
)

func newCurrent(c Config, keys *seal.Keys) *current {
	sum := sha256.Sum256([]byte("native:" + c.ClientID))
	return &current{
		store:    c.Store,
		keys:     keys,
		id:       base64.RawURLEncoding.EncodeToString(sum[:]),
		lifetime: max(c.SessionLifetime, leastLifetime),
		now:      c.Now,
	}
}

func (c *current) load(ctx context.Context) (standing, error) {
	s, _, err := c.read(ctx)
	return s, err
}

// read also returns the record that s is from. One that cannot be opened, since
// its key is gone, is a session that cannot be opened either, and a Passport
// session of which nothing is known.
func (c *current) read(ctx context.Context) (standing, storage.Record, error) {
	rec, err := c.store.Load(ctx, c.id)
	if errors.Is(err, storage.ErrNotFound) {
		return standing{}, storage.Record{ID: c.id}, nil
	}
	if err != nil {
		return standing{}, rec, fmt.Errorf("native: the session store could not answer: %w", err)
	}
	var s standing
	body, err := envelope.OpenBody(c.keys, rec)
	if err != nil || json.Unmarshal(body, &s) != nil {
		return standing{Unfinished: "unreadable"}, rec, nil
	}
	return s, rec, nil
}

// update changes the record, again if another process has come in between, and
// returns what it was before. It is not given up because the caller's context
// has ended.
func (c *current) update(ctx context.Context, change func(*standing)) (before standing, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	for {
		before, rec, err := c.read(ctx)
		if err != nil {
			return before, err
		}
		after := before
		if change(&after); after == before {
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
			return before, fmt.Errorf("native: the session store could not answer: %w", err)
		}
	}
}
