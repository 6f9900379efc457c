package passport

import (
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

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

// openTokens opens the tokens in a stored session.
func openTokens(records *records.Records, r storage.Record) (tokens, error) {
	j, err := records.OpenTokens(r)
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
	t.Expiry = unixTime(j.ExpiresAt)
	return t, nil
}

// unixTime is a time as it is stored: 0 for the zero Time.
func unixTime(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// tokensOf are tokens as the provider issued them.
func tokensOf(t provider.Tokens) tokens {
	return tokens{
		IDToken:      Secret(t.IDToken),
		AccessToken:  Secret(t.AccessToken),
		RefreshToken: Secret(t.RefreshToken),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		Expiry:       t.Expiry,
		UserInfo:     Secret(t.UserInfo),
	}
}

// issued is the reverse of tokensOf.
func (t tokens) issued() provider.Tokens {
	return provider.Tokens{
		IDToken:      t.IDToken.Reveal(),
		AccessToken:  t.AccessToken.Reveal(),
		RefreshToken: t.RefreshToken.Reveal(),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
		Expiry:       t.Expiry,
		UserInfo:     t.UserInfo.Reveal(),
	}
}

// expiryMargin is how early a token counts as expired.
const expiryMargin = 30 * time.Second

// accessToken is what many requests ask for, and nothing besides.
type accessToken struct {
	token  Secret
	expiry time.Time // zero if the provider did not say
}

// fresh reports whether the access token can be returned without a refresh. A token
// without an expiry counts as expired.
func (t tokens) fresh(now time.Time) bool { return accessToken{t.AccessToken, t.Expiry}.fresh(now) }

func (t accessToken) fresh(now time.Time) bool {
	return t.token != "" && now.Add(expiryMargin).Before(t.expiry)
}

// readClaims decodes the claims of a session: those of the ID token, which was
// verified when it came, over those of the UserInfo endpoint. Names are exact, and
// a claim of another type is left out.
func (t tokens) readClaims(claims any) error {
	token, err := jwt.Parse(t.IDToken.Reveal())
	if err != nil {
		return err
	}
	if t.UserInfo != "" {
		if err := jwt.Unmarshal([]byte(t.UserInfo), claims); err != nil {
			return err
		}
	}
	return jwt.Unmarshal(token.Payload, claims)
}

func (t tokens) claims(v any) error {
	if err := t.readClaims(v); err != nil {
		return fmt.Errorf("passport: the claims of the ID token cannot be decoded into %T: %w", v, err)
	}
	return nil
}
