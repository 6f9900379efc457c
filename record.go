package passport

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// What a session looks like in the store:
//
//	Record.ID    base64url(SHA-256("session:" + session id))
//	Record.Data  format (1 byte) | length of head (2 bytes) | head | body
//
// head and body are sealed one by one, and each is bound to the record's ID,
// subject and sid, so that neither the index nor the place of a record can be
// altered unnoticed. The head is small and opened with every request; the body
// holds the tokens and is opened when somebody asks for them.

const recordFormat = 1

// Every use of the store has its own name space, so that the key of one can
// never be taken for that of another.
const (
	spaceSession = "session:" // short enough for one block of SHA-256
	spaceLogin   = "login:"
	spaceDebt    = "debt:"
	spaceTokenID = "jti:"
	spaceMark    = "mark:"
	spacePost    = "post:"

	spaceGuard     = "guard:"
	spaceConfirmed = "confirmed:"
)

// idLength is that of 32 random or hashed bytes in unpadded base64url.
const idLength = 43

// storeID derives the key of a record from a secret that only a browser holds.
func storeID(space string, secret Secret) string {
	var buf [64]byte
	sum := sha256.Sum256(append(append(buf[:0], space...), secret...))
	var text [idLength]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

// plausibleID tells what we issued from what cannot be ours, at no cost.
func plausibleID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// head is what a request has to know of its session. Times are in Unix seconds.
type head struct {
	Begun     int64  // when the login was finished
	End       int64  // when the session ends whatever happens
	Seen      int64  // the last request that was written down
	RefreshBy int64  // some instance refreshes the tokens until then; 0 for none
	Label     string // the app's own words, at most maxLabel bytes
}

const (
	headTimes = 4
	maxLabel  = 200
)

func (h head) append(dst []byte) []byte {
	for _, t := range [headTimes]int64{h.Begun, h.End, h.Seen, h.RefreshBy} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(t))
	}
	return append(dst, h.Label...)
}

func parseHead(b []byte) (head, error) {
	if len(b) < headTimes*8 {
		return head{}, broken(seal.ErrOpen)
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[i*8:])) }
	return head{Begun: at(0), End: at(1), Seen: at(2), RefreshBy: at(3), Label: string(b[headTimes*8:])}, nil
}

// tokens are the body of a session.
type tokens struct {
	IDToken      Secret
	AccessToken  Secret
	RefreshToken Secret
	TokenType    string
	Scope        string
	Expiry       time.Time // of the access token; zero if the provider did not say
}

// tokensJSON is the stored form, with the names of RFC 6749 §5.1.
type tokensJSON struct {
	IDToken      string `json:"id_token,omitempty"`
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	TokenType    string `json:"token_type,omitempty"`
	Scope        string `json:"scope,omitempty"`
	ExpiresAt    int64  `json:"expires_at,omitempty"`
}

func (t tokens) marshal() []byte {
	j := tokensJSON{
		IDToken:      t.IDToken.Reveal(),
		AccessToken:  t.AccessToken.Reveal(),
		RefreshToken: t.RefreshToken.Reveal(),
		TokenType:    t.TokenType,
		Scope:        t.Scope,
	}
	if !t.Expiry.IsZero() {
		j.ExpiresAt = t.Expiry.Unix()
	}
	b, _ := json.Marshal(j) // strings and a number: cannot fail
	return b
}

func parseTokens(b []byte) (tokens, error) {
	var j tokensJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return tokens{}, errors.New("the stored tokens are not readable")
	}
	t := tokens{
		IDToken:      Secret(j.IDToken),
		AccessToken:  Secret(j.AccessToken),
		RefreshToken: Secret(j.RefreshToken),
		TokenType:    j.TokenType,
		Scope:        j.Scope,
	}
	if j.ExpiresAt != 0 {
		t.Expiry = time.Unix(j.ExpiresAt, 0)
	}
	return t, nil
}

// errBroken wraps what is wrong with a record, and with this one alone: it was
// tampered with (seal.ErrOpen), or its key is not configured (seal.ErrNoKey).
var errBroken = errors.New("passport: the stored session cannot be read")

func broken(err error) error { return fmt.Errorf("%w: %w", errBroken, err) }

// sealRecord puts h and body into r, bound to its ID, subject and sid.
func sealRecord(keys *seal.Keys, r storage.Record, h head, body []byte) storage.Record {
	var buf [256]byte
	return withHead(keys, r, h, keys.Seal(nil, body, place(buf[:0], 'b', r)))
}

// resealHead puts another head into r and leaves the body as it is.
func resealHead(keys *seal.Keys, r storage.Record, h head) (storage.Record, error) {
	_, body, err := split(r.Data)
	if err != nil {
		return r, err
	}
	return withHead(keys, r, h, body), nil
}

func withHead(keys *seal.Keys, r storage.Record, h head, sealedBody []byte) storage.Record {
	var buf [256]byte
	data := make([]byte, 3, len(sealedBody)+len(h.Label)+128)
	data[0] = recordFormat
	data = keys.Seal(data, h.append(nil), place(buf[:0], 'h', r))
	binary.BigEndian.PutUint16(data[1:3], uint16(len(data)-3))
	r.Data = append(data, sealedBody...)
	return r
}

// openHead reads the head of r. buf is working space.
func openHead(keys *seal.Keys, r storage.Record, buf *[768]byte) (head, error) {
	sealed, _, err := split(r.Data)
	if err != nil {
		return head{}, err
	}
	at := place(buf[512:512], 'h', r)
	plain, err := keys.Open(buf[:0:512], sealed, at)
	if err != nil {
		return head{}, broken(err)
	}
	return parseHead(plain)
}

// openBody reads the body of r.
func openBody(keys *seal.Keys, r storage.Record) ([]byte, error) {
	_, sealed, err := split(r.Data)
	if err != nil {
		return nil, err
	}
	var buf [256]byte
	plain, err := keys.Open(nil, sealed, place(buf[:0], 'b', r))
	if err != nil {
		return nil, broken(err)
	}
	return plain, nil
}

func openTokens(keys *seal.Keys, r storage.Record) (tokens, error) {
	plain, err := openBody(keys, r)
	if err != nil {
		return tokens{}, err
	}
	t, err := parseTokens(plain)
	if err != nil {
		return tokens{}, broken(err)
	}
	return t, nil
}

func split(data []byte) (head, body []byte, err error) {
	if len(data) < 3 || data[0] != recordFormat {
		return nil, nil, broken(seal.ErrOpen)
	}
	n := 3 + int(binary.BigEndian.Uint16(data[1:3]))
	if len(data) < n {
		return nil, nil, broken(seal.ErrOpen)
	}
	return data[3:n], data[n:], nil
}

// place appends what sealed bytes are bound to: the part they are, and where
// the record stands. Lengths keep the parts apart.
func place(dst []byte, part byte, r storage.Record) []byte {
	dst = append(dst, part)
	for _, s := range [...]string{r.ID, r.Subject, r.SID} {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}
