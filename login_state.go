package passport

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/passport-go/passport/internal/strictbase64"
	"github.com/passport-go/passport/internal/web"
)

// A login in progress is nowhere but in its state, sealed and bound to the browser
// that began it, so that logins which are begun and never finished fill nobody's
// store. PKCE verifier and nonce follow from the seed in the state and from the
// browser's binding: neither alone gives them away.

const (
	// loginLife is how long a login may take.
	loginLife = 10 * time.Minute

	// instanceLeeway is by how much the clocks of two instances may differ.
	instanceLeeway = 10 * time.Second

	// longestReturnTo bounds what of the user's destination goes into a state, and
	// longestState what is read of one that comes back. JSON may write a byte of
	// the former as six.
	longestReturnTo = 1000
	longestState    = 12 << 10

	// mostLogins bounds the bindings of one browser, and so what a callback costs.
	mostLogins = 32
)

// loginState is what a login knows when its browser is back.
type loginState struct {
	Seed     []byte `json:"seed"`
	Begun    int64  `json:"begun"` // by Config.Now, in Unix seconds
	Order    int64  `json:"order"` // see mark
	ReturnTo string `json:"return_to,omitempty"`

	// Logout is the browser's last logout, and Asked says that it was unfinished, so
	// that the login has asked for credentials.
	Logout string `json:"logout,omitempty"`
	Asked  bool   `json:"asked,omitempty"`

	// Session is the ID of the session that the browser had, if it was alive, and
	// SessionEnd the Unix second in which that ends by itself.
	Session    string `json:"session,omitempty"`
	SessionEnd int64  `json:"session_end,omitempty"`

	MaxAge int64 `json:"max_age,omitempty"` // LoginOptions.MaxAge, in seconds

	EndsWithBrowser bool `json:"ends_with_browser,omitempty"`

	binding Secret
}

// newLoginState is the state of a login by the browser b, to which binding binds it.
func (p *Passport) newLoginState(ctx context.Context, b BrowserState, binding Secret, returnTo string) loginState {
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	l := loginState{
		Seed:    seed,
		Begun:   p.c.Now().Unix(),
		Order:   time.Now().UnixNano(),
		Logout:  b.Logout.Reveal(),
		binding: binding,
	}
	l.Session, l.SessionEnd = p.presentSession(ctx, b.Session)
	l.ReturnTo = p.c.HomePath
	if len(returnTo) <= longestReturnTo {
		l.ReturnTo = web.LocalPath(returnTo, p.c.HomePath)
	}
	return l
}

func (l loginState) verifier() string { return l.derive("verifier:") }
func (l loginState) nonce() string    { return l.derive("nonce:") }

func (l loginState) derive(purpose string) string {
	sum := sha256.Sum256(append(append([]byte(purpose), l.Seed...), l.binding...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (l loginState) expiry() time.Time { return time.Unix(l.Begun, 0).Add(loginLife) }

// statePlace is what a state is bound to.
func (p *Passport) statePlace(binding Secret) []byte {
	return []byte(p.storeID(kindLoginState, binding))
}

func (p *Passport) sealLogin(l loginState) (Secret, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	return Secret(base64.RawURLEncoding.EncodeToString(p.c.keys.Seal(nil, plain, p.statePlace(l.binding)))), nil
}

// openLogin reads a state that came back to the browser b, or returns ErrNoLogin.
func (p *Passport) openLogin(state Secret, b BrowserState) (loginState, error) {
	if len(state) > longestState {
		return loginState{}, ErrNoLogin
	}
	sealed, err := strictbase64.RawURL(state.Reveal())
	if err != nil {
		return loginState{}, ErrNoLogin
	}
	for _, binding := range b.Logins[:min(len(b.Logins), mostLogins)] {
		if !plausibleID(binding.Reveal()) {
			continue
		}
		plain, err := p.c.keys.Open(nil, sealed, p.statePlace(binding))
		if err != nil {
			continue
		}
		l := loginState{binding: binding}
		if json.Unmarshal(plain, &l) != nil || !p.c.Now().Before(l.expiry()) {
			return loginState{}, ErrNoLogin
		}
		return l, nil
	}
	return loginState{}, ErrNoLogin
}
