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
	store storage.TokenStore
	now   func() time.Time
}

const (
	stateRecord = "state" // shorter than any ID of the engine

	// loginLife is how long a login is valid.
	loginLife = 10 * time.Minute
)

// load returns the zero state if there is none.
func (k *states) load(ctx context.Context) (state, error) {
	s, _, err := k.read(ctx)
	return s, err
}

func (k *states) read(ctx context.Context) (state, storage.Record, error) {
	rec, err := k.store.Load(ctx, stateRecord)
	if errors.Is(err, storage.ErrNotFound) {
		return state{}, storage.Record{ID: stateRecord, Kind: storage.KindBrowser}, nil
	}
	if err != nil {
		return state{}, storage.Record{}, err
	}
	var s state
	if json.Unmarshal(rec.Data, &s) != nil {
		s = state{Logout: logoutstate.New("", k.now())} // then nothing is known about the Passport session
	}
	if k.now().Sub(s.Begun) > loginLife {
		s.Logins, s.Begun = nil, time.Time{}
	}
	return s, rec, nil
}

// update changes the state and returns the result. It retries if another tab changes it
// at the same time.
func (k *states) update(ctx context.Context, change func(*state)) (state, error) {
	for {
		old, rec, err := k.read(ctx)
		if err != nil {
			return old, err
		}
		s := old
		if change(&s); s.equal(old) {
			return s, nil
		}
		if rec.Data, err = json.Marshal(s); err != nil {
			return old, err
		}
		rec.Expiry = k.now().Add(logoutstate.Life)
		if _, err = k.store.Save(ctx, rec); err == nil || !again(err) {
			return s, err
		}
	}
}

// ofLogout changes what is known about a logout, if there has been no later one.
func (k *states) ofLogout(ctx context.Context, logout string, change func(*state)) error {
	_, err := k.update(ctx, func(s *state) {
		if s.Logout == logout {
			change(s)
		}
	})
	return err
}

// finish records that a logout has ended the Passport session.
func (k *states) finish(ctx context.Context, logout string) error {
	return k.ofLogout(ctx, logout, func(s *state) { s.Finished, s.Offline = true, false })
}
