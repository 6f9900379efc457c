package envelope

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// Tokens are the body of a session:
//
//	format (1 byte) | ExpiresAt (8 bytes) | the strings, in order, each after its length (uvarint)
//
// They are opened with every refresh, logout and use of an access token, which
// is why they are not JSON. Earlier versions wrote that, with the names of RFC
// 6749 §5.1, and it is still read.
type Tokens struct {
	IDToken      string `json:"id_token"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope"`
	ExpiresAt    int64  `json:"expires_at"` // in Unix seconds; 0 if the provider did not say
	UserInfo     string `json:"-"`          // claims of the UserInfo endpoint, a JSON object; mostly empty
	Data         string `json:"-"`          // the program's own, JSON; mostly empty
}

// The formats. The latest has UserInfo and Data as its last strings, and is written
// only if there is one of them: earlier versions do not read it.
const (
	tokensFormat      = 3
	tokensInfoFormat  = 2 // without Data
	tokensPlainFormat = 1 // with neither
)

var errTokens = errors.New("the stored tokens are not readable")

// ErrLater is of a session in a form that only a later version reads, which may
// share the store while instances are replaced one by one.
var ErrLater = errors.New("the stored session is in the form of a later version")

// strings are those of a format, in order.
func (t *Tokens) strings(format byte) []*string {
	all := []*string{&t.IDToken, &t.AccessToken, &t.RefreshToken, &t.TokenType, &t.Scope, &t.UserInfo, &t.Data}
	return all[:4+format]
}

// Marshal writes t in the form of a body.
func (t Tokens) Marshal() []byte {
	format := byte(tokensPlainFormat)
	switch {
	case t.Data != "":
		format = tokensFormat
	case t.UserInfo != "":
		format = tokensInfoFormat
	}
	size := 1 + 8
	for _, s := range t.strings(format) {
		size += binary.MaxVarintLen32 + len(*s)
	}
	b := make([]byte, 0, size)
	b = append(b, format)
	b = binary.BigEndian.AppendUint64(b, uint64(t.ExpiresAt))
	for _, s := range t.strings(format) {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	return slices.Clip(b)
}

// OpenTokens opens and reads the body of a session.
func OpenTokens(keys *seal.Keys, r storage.Record) (Tokens, error) {
	plain, err := OpenBody(keys, r)
	if err != nil {
		return Tokens{}, err
	}
	t, err := ParseTokens(plain)
	if err != nil {
		return Tokens{}, broken(err)
	}
	return t, nil
}

// ParseTokens reads a body.
func ParseTokens(body []byte) (Tokens, error) {
	var t Tokens
	if len(body) > 0 && body[0] == '{' {
		if json.Unmarshal(body, &t) != nil {
			return Tokens{}, errTokens
		}
		return t, nil
	}
	if len(body) > 0 && body[0] > tokensFormat {
		return Tokens{}, ErrLater
	}
	if len(body) < 1+8 || body[0] < tokensPlainFormat {
		return Tokens{}, errTokens
	}
	t.ExpiresAt = int64(binary.BigEndian.Uint64(body[1:]))
	rest := body[1+8:]
	for _, s := range t.strings(body[0]) {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return Tokens{}, errTokens
		}
		end := n + int(length)
		*s, rest = string(rest[n:end]), rest[end:]
	}
	if len(rest) > 0 {
		return Tokens{}, errTokens
	}
	return t, nil
}
