// Package loginstate is the state parameter of a login in progress (OpenID Connect Core
// 1.0 §3.1.2.1). The login is nowhere else (but for a long destination): its state is
// sealed, and bound to the browser that began it, so that logins which are begun and
// never finished fill nobody's store. PKCE verifier and nonce follow from the seed in the
// state and from the browser's binding: neither alone gives them away.
package loginstate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/strictbase64"
)

const (
	// Life is how long a login may take.
	Life = 10 * time.Minute

	// LongestReturnTo bounds what of the user's destination goes into a state, and
	// longest what is read of a state that comes back. JSON may write a byte of the
	// former as six.
	LongestReturnTo = 1000
	longest         = 12 << 10

	// MostBindings bounds the bindings of one browser, and so what a callback costs.
	MostBindings = 32
)

// State is what a login knows when its browser is back.
type State struct {
	Seed     []byte `json:"seed"`
	Begun    int64  `json:"begun"` // by Config.Now, in Unix seconds
	Order    int64  `json:"order"` // by our clock, in Unix nanoseconds; see package marks
	ReturnTo string `json:"return_to,omitempty"`

	// Logout is the browser's last logout, and Asked says that it was unfinished, so
	// that the login has asked for credentials.
	Logout string `json:"logout,omitempty"`
	Asked  bool   `json:"asked,omitempty"`

	// Session is the ID of the session that the browser had, if it was alive, and
	// SessionEnd the Unix second in which that ends by itself.
	Session    string `json:"session,omitempty"`
	SessionEnd int64  `json:"session_end,omitempty"`

	// Again says that the browser had begun a login within the last ten minutes, had not
	// logged out since, and had no session.
	Again bool `json:"again,omitempty"`

	// Silent says that the user is asked nothing, and has not asked for the login either.
	Silent bool `json:"silent,omitempty"`

	MaxAge int64 `json:"max_age,omitempty"` // LoginOptions.MaxAge, in seconds

	ACR string `json:"acr,omitempty"` // the values of which the login has to have one

	// Stored says that the user's destination is in the store, since it is longer than
	// LongestReturnTo.
	Stored bool `json:"stored,omitempty"`

	EndsWithBrowser bool  `json:"ends_with_browser,omitempty"`
	Remember        int64 `json:"remember,omitempty"` // LoginOptions.Remember, in seconds

	Binding string `json:"-"` // the browser has it
}

// New is the state of a login that begins now, by Config.Now, in the browser that has
// a binding.
func New(binding string, now time.Time) State {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	return State{Seed: seed, Begun: now.Unix(), Order: time.Now().UnixNano(), Binding: binding}
}

// Verifier is the PKCE verifier (RFC 7636 §4.1), and Nonce the nonce.
func (s State) Verifier() string { return s.derive("verifier:") }

// Nonce is what the ID token has to repeat.
func (s State) Nonce() string { return s.derive("nonce:") }

func (s State) derive(purpose string) string {
	sum := sha256.Sum256(append(append([]byte(purpose), s.Seed...), s.Binding...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Key is what a login is known by, however its state is spelled.
func (s State) Key() string { return base64.RawURLEncoding.EncodeToString(s.Seed) }

// Expiry is when the login has taken too long.
func (s State) Expiry() time.Time { return time.Unix(s.Begun, 0).Add(Life) }

// Sealer seals states, for the tenant and with the keys of its records.
type Sealer struct{ Records *records.Records }

// place is what a state is bound to. It has a kind of its own, so that it cannot be
// taken for a record's ID.
func (s Sealer) place(binding string) []byte { return []byte(s.Records.ID("login-state", binding)) }

// Seal returns the text of a state.
func (s Sealer) Seal(state State) (string, error) {
	plain, err := json.Marshal(state)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.Records.Keys().Seal(nil, plain, s.place(state.Binding))), nil
}

// Open reads a state that came back to a browser with these bindings. It reports
// false if it belongs to none of them, or has expired.
func (s Sealer) Open(text string, bindings []string, now time.Time) (State, bool) {
	if len(text) > longest {
		return State{}, false
	}
	sealed, err := strictbase64.RawURL(text)
	if err != nil {
		return State{}, false
	}
	for _, binding := range bindings[:min(len(bindings), MostBindings)] {
		if !records.Plausible(binding) {
			continue
		}
		plain, err := s.Records.Keys().Open(nil, sealed, s.place(binding))
		if err != nil {
			continue
		}
		state := State{Binding: binding}
		if json.Unmarshal(plain, &state) != nil || !now.Before(state.Expiry()) {
			return State{}, false
		}
		return state, true
	}
	return State{}, false
}

// bindings counts the bindings that were made. Their first characters follow each
// other, so that tabs which begin at the same time have different cookies.
var bindings atomic.Uint32

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// NewBinding returns what binds logins to a browser.
func NewBinding() string {
	first := alphabet[bindings.Add(1)%uint32(len(alphabet))]
	return string(first) + records.NewSecret()[1:]
}
