//go:build !js

package localstorage

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// errCrashed is what every step meets from the one on at which a tab came to its
// end.
var errCrashed = errors.New("the tab has come to its end")

// errRefused is what the browser says to a transaction that it cannot commit.
var errRefused = errors.New("not committed")

// fake is a browser's storage, for what does not take a browser to find out. A
// step is a write that lasts whatever comes after it.
type fake struct {
	turn sync.Mutex // the transaction that is under way

	mu       sync.Mutex
	items    map[string]string
	document string
	steps    int
	crashAt  int  // the step that is not taken any more; 0 for none
	full     bool // for items
	room     int  // for the values of items; 0 for no limit

	refuseDocument bool
	documentFull   bool
}

func newFake() *fake { return &fake{items: map[string]string{}} }

// step must be called with mu held.
func (f *fake) step() error {
	f.steps++
	if f.crashAt > 0 && f.steps >= f.crashAt {
		return errCrashed
	}
	return nil
}

func (f *fake) get(name string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.items[name], nil
}

func (f *fake) set(name, value string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full || f.room > 0 && f.used(name)+len(value) > f.room {
		return storage.ErrFull
	}
	if err := f.step(); err != nil {
		return err
	}
	f.items[name] = value
	return nil
}

// used is how much room there is in use, other than for one item.
func (f *fake) used(except string) (n int) {
	for name, value := range f.items {
		if name != except {
			n += len(value)
		}
	}
	return n
}

func (f *fake) remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.items[name]; !there {
		return nil
	}
	if err := f.step(); err != nil {
		return err
	}
	delete(f.items, name)
	return nil
}

func (f *fake) names() ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.items)), nil
}

func (f *fake) Read(context.Context) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []byte(f.document), nil
}

func (f *fake) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	f.turn.Lock()
	defer f.turn.Unlock()
	old, _ := f.Read(ctx)
	next, err := change(old)
	if err != nil || string(next) == string(old) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.documentFull {
		return storage.ErrFull
	}
	if f.refuseDocument {
		return errRefused
	}
	if err := f.step(); err != nil {
		return err
	}
	f.document = string(next)
	return nil
}

func (f *fake) SetAside([]byte) error { return nil }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func options() Options {
	return Options{AuthenticationDomain: "https://auth.immutable.com", ClientID: "app", Now: func() time.Time { return now }}
}

const userItem = "oidc.user:https://auth.immutable.com:app"

func (f *fake) open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := newStore(t.Context(), o, f, f)
	require.NoError(t, err)
	return s
}

// idToken is signed by nobody.
func idToken(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
}

func alice(issued time.Time) User {
	return User{
		IDToken:      idToken(map[string]any{"sub": "alice", "sid": "s1", "iat": issued.Unix(), "email": "alice@example.com", "nonce": "n"}),
		AccessToken:  "access of " + issued.String(),
		RefreshToken: "refresh of " + issued.String(),
		TokenType:    "Bearer",
		Scope:        "openid offline_access",
		TokenExpiry:  issued.Add(time.Hour),
		Expiry:       now.Add(24 * time.Hour),
		Extra:        []byte("extra"),
	}
}

func save(t testing.TB, s *Store, u User) User {
	t.Helper()
	saved, err := s.SaveUser(t.Context(), u)
	require.NoError(t, err)
	return saved
}

// writes is what the JavaScript SDK does when it stores a user.
func (f *fake) writes(t testing.TB, u User) {
	t.Helper()
	item, _, err := formatUser(u)
	require.NoError(t, err)
	require.NoError(t, f.set(userItem, item))
}

func revocation(id string) storage.Record {
	return storage.Record{ID: id, Subject: "alice", SID: "s1", Expiry: now.Add(24 * time.Hour), Data: []byte("sealed")}
}

// claim returns the IDs of what is due a while from now.
func claim(t testing.TB, s *Store, after time.Duration) (ids []string) {
	t.Helper()
	later := now.Add(after)
	o := s.options
	o.Now = func() time.Time { return later }
	f := s.items.(*fake)
	there, err := newStore(t.Context(), o, f, f)
	require.NoError(t, err)
	revocations, err := there.Claim(t.Context(), "", 10, time.Nanosecond)
	require.NoError(t, err)
	for _, d := range revocations {
		ids = append(ids, d.Record.ID)
	}
	return ids
}

func assertLoads(t testing.TB, s *Store, want User) {
	t.Helper()
	got, err := s.LoadUser(t.Context())
	require.NoError(t, err)
	assert.True(t, equal(want, got), "revision %d and %d", want.Revision, got.Revision)
}

func equal(a, b User) bool {
	return a.sameTokens(b) && a.Subject == b.Subject && a.SID == b.SID && a.Revision == b.Revision &&
		a.Expiry.Equal(b.Expiry) && string(a.Extra) == string(b.Extra)
}
