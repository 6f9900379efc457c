package envelope

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// Tokens are the body of a session:
//
//	format (1 byte) | ExpiresAt (8 bytes) | the strings, in order, each after its length (uvarint)
//
// They are opened with every refresh, logout and use of an access token, which
// is why they are not JSON. Earlier versions wrote that, with the names of RFC
// 6749 §5.1, and it is still read. For stores outside this process there is a shorter
// form, see [Pack].
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

// The formats. The latest that is not packed has UserInfo and Data as its last strings,
// and is written only if there is one of them.
const (
	tokensSharedFormat = 5 // all strings, each as in pack.go
	tokensPackedFormat = 4 // the same without what is shared
	tokensFormat       = 3
	tokensInfoFormat   = 2 // without Data
	tokensPlainFormat  = 1 // with neither

	latestFormat = tokensSharedFormat
)

// errTokens is of a body that makes no sense here. It was sealed with a key of ours, so
// another version has written it.
var errTokens = errors.New("the stored tokens are not readable")

// strings are those of a format, in order.
func (t *Tokens) strings(format byte) []*string {
	all := []*string{&t.IDToken, &t.AccessToken, &t.RefreshToken, &t.TokenType, &t.Scope, &t.UserInfo, &t.Data}
	return all[:min(4+int(format), len(all))]
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
	return t.marshal(format, func(b []byte, s string) []byte {
		return append(binary.AppendUvarint(b, uint64(len(s))), s...)
	})
}

func (t Tokens) marshal(format byte, appendString func([]byte, string) []byte) []byte {
	size := 1 + 8
	for _, s := range t.strings(format) {
		size += binary.MaxVarintLen32 + len(*s)
	}
	b := make([]byte, 0, size)
	b = append(b, format)
	b = binary.BigEndian.AppendUint64(b, uint64(t.ExpiresAt))
	for _, s := range t.strings(format) {
		b = appendString(b, *s)
	}
	return slices.Clip(b)
}

// bodySpace is working space for a body, which is open no longer than it takes to copy
// what is wanted.
type bodySpace struct {
	body  [4096]byte
	place [placeSpace]byte
}

var bodies = sync.Pool{New: func() any { return new(bodySpace) }}

// withBody calls read with the body of r, which read must not keep.
func withBody(keys *seal.Keys, r storage.Record, read func(body []byte) error) error {
	space := bodies.Get().(*bodySpace)
	defer bodies.Put(space)
	plain, err := appendBody(space.body[:0], keys, r, space.place[:0])
	if err != nil {
		return err
	}
	defer clear(plain)
	if err := read(plain); err != nil {
		return broken(err)
	}
	return nil
}

// OpenTokens opens and reads the body of a session.
func OpenTokens(keys *seal.Keys, r storage.Record) (t Tokens, err error) {
	err = withBody(keys, r, func(body []byte) (err error) {
		t, err = ParseTokens(body)
		return err
	})
	return t, err
}

// AccessToken is the access token of a session; ExpiresAt is as in Tokens.
type AccessToken struct {
	Token     string
	ExpiresAt int64
}

// openAccessToken is OpenTokens for what many requests ask for: it copies no other
// token.
func openAccessToken(keys *seal.Keys, r storage.Record) (t AccessToken, err error) {
	err = withBody(keys, r, func(body []byte) (err error) {
		t, err = parseAccessToken(body)
		return err
	})
	return t, err
}

func parseAccessToken(body []byte) (AccessToken, error) {
	if isJSON(body) {
		t, err := ParseTokens(body)
		return AccessToken{t.AccessToken, t.ExpiresAt}, err
	}
	token, err := textOf(body, 1)
	if err != nil {
		return AccessToken{}, err
	}
	return AccessToken{token, int64(binary.BigEndian.Uint64(body[1:]))}, nil
}

// OpenRefreshToken is OpenTokens for a revocation: it copies no other token.
func OpenRefreshToken(keys *seal.Keys, r storage.Record) (token string, err error) {
	err = withBody(keys, r, func(body []byte) (err error) {
		token, err = parseRefreshToken(body)
		return err
	})
	return token, err
}

func parseRefreshToken(body []byte) (string, error) {
	if isJSON(body) {
		t, err := ParseTokens(body)
		return t.RefreshToken, err
	}
	return textOf(body, 2)
}

// SealSession is Seal for tokens, with a head that says if there is no refresh token.
func SealSession(keys *seal.Keys, r storage.Record, h Head, body []byte) storage.Record {
	token, err := parseRefreshToken(body)
	h.NoRefreshToken = err == nil && token == ""
	return Seal(keys, r, h, body)
}

// textOf is the i-th string of a body that is not JSON.
func textOf(body []byte, i int) (string, error) {
	rest, err := binaryBody(body)
	if err != nil {
		return "", err
	}
	var text storedText
	var first storedText
	for at := range i + 1 {
		var ok bool
		if text, rest, ok = cutString(body[0], rest, first); !ok {
			return "", errTokens
		}
		if at == 0 {
			first = text
		}
	}
	s, ok := text.read()
	if !ok {
		return "", errTokens
	}
	return s, nil
}

// cutString cuts a string of a format from the front of rest. first is the first string
// of the body, unless this is it.
func cutString(format byte, rest []byte, first storedText) (text storedText, behind []byte, ok bool) {
	switch format {
	case tokensSharedFormat:
		return cutShared(rest, first)
	case tokensPackedFormat:
		return cutPacked(rest)
	}
	text.stored, behind, ok = cutText(rest)
	return text, behind, ok
}

// ParseTokens reads a body.
func ParseTokens(body []byte) (Tokens, error) {
	var t Tokens
	if isJSON(body) {
		if json.Unmarshal(body, &t) != nil {
			return Tokens{}, errTokens
		}
		return t, nil
	}
	rest, err := binaryBody(body)
	if err != nil {
		return Tokens{}, err
	}
	t.ExpiresAt = int64(binary.BigEndian.Uint64(body[1:]))
	var first storedText
	for i, s := range t.strings(body[0]) {
		text, behind, ok := cutString(body[0], rest, first)
		if i == 0 {
			first = text
		}
		if ok {
			*s, ok = text.read()
		}
		if !ok {
			return Tokens{}, errTokens
		}
		rest = behind
	}
	if len(rest) > 0 {
		return Tokens{}, errTokens
	}
	return t, nil
}

func isJSON(body []byte) bool { return len(body) > 0 && body[0] == '{' }

// binaryBody returns the strings of a body that is not JSON.
func binaryBody(body []byte) (rest []byte, err error) {
	if len(body) > 0 && body[0] > latestFormat {
		return nil, seal.ErrLater
	}
	if len(body) < 1+8 || body[0] < tokensPlainFormat {
		return nil, errTokens
	}
	return body[1+8:], nil
}

// cutText cuts a text, and its length, from the front of rest.
func cutText(rest []byte) (text, behind []byte, ok bool) {
	length, n := binary.Uvarint(rest)
	if n <= 0 || length > uint64(len(rest)-n) {
		return nil, nil, false
	}
	end := n + int(length)
	return rest[n:end], rest[end:], true
}
