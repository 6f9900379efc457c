package passport

import (
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/internal/strictbase64"
	"github.com/passport-go/passport/storage"
)

// A record stands in the store under a hash of its tenant, its kind, and a secret,
// such as a session's id, with a head and a body, which are sealed; see package
// envelope. What else is derived from secrets has kinds of its own, so that none
// can be taken for another.
const (
	kindCode          = "code"
	kindBinding       = "binding"
	kindLoginState    = "login-state"
	kindLogoutSession = "logout-session"
)

// head is what a request has to know of its session.
type head = envelope.Head

// idLength is that of 32 random or hashed bytes in unpadded base64url.
const idLength = envelope.IDLength

// storeID derives the key of a record from a secret that only a browser holds.
func (p *Passport) storeID(kind storage.Kind, secret Secret) string {
	return p.c.tenant.ID(kind, string(secret))
}

// newRecord returns a record to be filled in.
func (p *Passport) newRecord(kind storage.Kind, secret Secret) storage.Record {
	return p.c.tenant.Record(kind, string(secret))
}

// plausibleID tells what we issued from what cannot be ours, at no cost.
func plausibleID(s string) bool { return len(s) == idLength && strictbase64.IsURL(s) }

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// tokens are the body of a session.
type tokens struct {
	IDToken      Secret
	AccessToken  Secret
	RefreshToken Secret
	TokenType    string
	Scope        string
	Expiry       time.Time // of the access token; zero if the provider did not say
	UserInfo     Secret    // claims of the UserInfo endpoint, a JSON object; mostly empty
	Data         Secret    // the program's own, JSON; mostly empty
}

func (t tokens) marshal() []byte {
	j := envelope.Tokens{
		IDToken:      t.IDToken.Reveal(),
		AccessToken:  t.AccessToken.Reveal(),
		RefreshToken: t.RefreshToken.Reveal(),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		UserInfo:     t.UserInfo.Reveal(),
		Data:         t.Data.Reveal(),
	}
	if !t.Expiry.IsZero() {
		j.ExpiresAt = t.Expiry.Unix()
	}
	return j.Marshal()
}

func parseTokens(b []byte) (tokens, error) {
	j, err := envelope.ParseTokens(b)
	if err != nil {
		return tokens{}, err
	}
	t := tokens{
		IDToken:      Secret(j.IDToken),
		AccessToken:  Secret(j.AccessToken),
		RefreshToken: Secret(j.RefreshToken),
		TokenType:    j.TokenType,
		Scope:        j.Scope,
		UserInfo:     Secret(j.UserInfo),
		Data:         Secret(j.Data),
	}
	if j.ExpiresAt != 0 {
		t.Expiry = time.Unix(j.ExpiresAt, 0)
	}
	return t, nil
}

func openTokens(keys *seal.Keys, r storage.Record) (tokens, error) {
	plain, err := envelope.OpenBody(keys, r)
	if err != nil {
		return tokens{}, err
	}
	t, err := parseTokens(plain)
	if err != nil {
		return tokens{}, fmt.Errorf("%w: %w", envelope.ErrBroken, err)
	}
	return t, nil
}
