package browser

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/logoutstate"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/localstorage"
)

// state is the passport.BrowserState of all tabs, without the session, which is stored
// elsewhere.
type state struct {
	Logins []string  `json:"logins,omitempty"`
	Begun  time.Time `json:"begun,omitzero"` // when the last of them began

	Logout   string `json:"logout,omitempty"`
	Finished bool   `json:"finished,omitempty"`

	// Provisional is what Logout was until the session had ended. A link that was shown
	// meanwhile comes back with it.
	Provisional string `json:"provisional,omitempty"`

	// Offline says that the auth domain was unreachable during the logout.
	Offline bool `json:"offline,omitempty"`
}

// browser returns s for the engine's verbs.
func (s state) browser() passport.BrowserState {
	b := passport.BrowserState{Logout: passport.Secret(s.Logout), LogoutFinished: s.Finished}
	for _, login := range s.Logins {
		b.Logins = append(b.Logins, passport.Secret(login))
	}
	return b
}

// notes reports whether the logout of this name is noted.
func (s state) notes(logout string) bool { return s.Logout == logout || s.Provisional == logout }

// mostLogins is how many tabs may begin logins at the same moment, before they see each
// other's.
const mostLogins = 4

func (s *state) addLogin(login string) {
	if !slices.Contains(s.Logins, login) {
		s.Logins = append([]string{login}, s.Logins[:min(len(s.Logins), mostLogins-1)]...)
	}
}

func (s state) equal(t state) bool {
	return slices.Equal(s.Logins, t.Logins) && s.Begun.Equal(t.Begun) &&
		s.Logout == t.Logout && s.Finished == t.Finished && s.Offline == t.Offline && s.Provisional == t.Provisional
}

// states keeps the state in a record of the store.
type states struct {
	store *localstorage.Store
	now   func() time.Time
}

const (
	stateRecord = "state" // shorter than any ID of the engine

	// loginLife is how long a login is valid.
	loginLife = 10 * time.Minute
)

// load returns the zero state if there is none.
func (k *states) load(ctx context.Context) (state, error) {
	rec, err := k.store.Load(ctx, stateRecord)
	if errors.Is(err, storage.ErrNotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	return k.parse(rec), nil
}

// parse returns the zero state for a record without data.
func (k *states) parse(rec storage.Record) (s state) {
	if len(rec.Data) > 0 && json.Unmarshal(rec.Data, &s) != nil {
		s = state{Logout: logoutstate.New("", k.now())} // then nothing is known about the Passport session
	}
	if k.now().Sub(s.Begun) > loginLife {
		s.Logins, s.Begun = nil, time.Time{}
	}
	return s
}

// update changes the state, in one step. change is called while other tabs wait, and
// must not.
func (k *states) update(ctx context.Context, change func(*state)) error {
	_, err := k.store.UpdateRecord(ctx, stateRecord, func(rec *storage.Record) (save bool) {
		old := k.parse(*rec)
		s := old
		if change(&s); s.equal(old) {
			return false
		}
		rec.Kind, rec.Expiry = storage.KindBrowser, k.now().Add(logoutstate.Life)
		rec.Data, _ = json.Marshal(s) // cannot fail for strings and times
		return true
	})
	return err
}

// ofLogout changes what is known about a logout, if there has been no later one.
func (k *states) ofLogout(ctx context.Context, logout string, change func(*state)) error {
	return k.update(ctx, func(s *state) {
		if s.Logout == logout {
			change(s)
		}
	})
}

// finish records that a logout has ended the Passport session.
func (k *states) finish(ctx context.Context, logout string) error {
	return k.ofLogout(ctx, logout, func(s *state) { s.Finished, s.Offline = true, false })
}
