// Package envelope is the form in which package passport hands its records to a
// store, and in which the drivers that keep sessions in a form of others' read
// them:
//
//	Record.Data  format (1 byte) | length of head (2 bytes) | head | body
//
// head and body are sealed one by one, and each is bound to the record's ID,
// tenant, kind, subject and sid, so that neither the index nor the place of a record can be
// altered unnoticed. The head is small and opened with every request; the body
// holds the tokens and is opened when somebody asks for them.
package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

const format = 1

// ErrBroken wraps what is wrong with a record, and with this one alone: it was
// tampered with (seal.ErrOpen), its key is not configured (seal.ErrNoKey), or it
// is in the format of a later version (seal.ErrLater).
var ErrBroken = errors.New("passport: the stored session cannot be read")

func broken(err error) error { return fmt.Errorf("%w: %w", ErrBroken, err) }

// Head is what a request has to know of its session. Times are in Unix seconds.
type Head struct {
	Begun     int64  // when the login was finished
	End       int64  // when the session ends whatever happens
	Seen      int64  // the last request that was written down
	RefreshBy int64  // some instance refreshes the tokens until then; 0 for none
	Label     string // the app's own words

	// Remembered says that the session lives until End even if it is not used. It is
	// stored as the sign of End.
	Remembered bool

	// NoRefreshToken says that the body has none, so that a logout need not open the
	// body. It is stored as a negative RefreshBy: nothing is refreshed. Earlier versions
	// did not store it, and a head that is stored elsewhere than with its body has it not.
	NoRefreshToken bool `json:"-"`
}

const headTimes = 4

func (h Head) append(dst []byte) []byte {
	end, refreshBy := h.End, h.RefreshBy
	if h.Remembered {
		end = -end
	}
	if h.NoRefreshToken {
		refreshBy = -1
	}
	for _, t := range [headTimes]int64{h.Begun, end, h.Seen, refreshBy} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(t))
	}
	return append(dst, h.Label...)
}

func parseHead(b []byte) (Head, error) {
	if len(b) < headTimes*8 {
		return Head{}, broken(seal.ErrLater) // for it was sealed with a key of ours
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[i*8:])) }
	end, refreshBy := at(1), at(3)
	return Head{
		Begun: at(0), End: max(end, -end), Seen: at(2), RefreshBy: max(refreshBy, 0), Label: string(b[headTimes*8:]),
		Remembered: end < 0, NoRefreshToken: refreshBy < 0,
	}, nil
}

// Seal puts h and body into r, bound to all that the store indexes it by.
func Seal(keys *seal.Keys, r storage.Record, h Head, body []byte) storage.Record {
	var buf [256]byte
	return withHead(keys, r, h, keys.Seal(nil, body, place(buf[:0], 'b', r)))
}

// SealHead puts another head into r and leaves the body as it is.
func SealHead(keys *seal.Keys, r storage.Record, h Head) (storage.Record, error) {
	_, body, err := split(r.Data)
	if err != nil {
		return r, err
	}
	return withHead(keys, r, h, body), nil
}

func withHead(keys *seal.Keys, r storage.Record, h Head, sealedBody []byte) storage.Record {
	var buf [256]byte
	data := make([]byte, 3, len(sealedBody)+len(h.Label)+128)
	data[0] = format
	data = keys.Seal(data, h.append(nil), place(buf[:0], 'h', r))
	binary.BigEndian.PutUint16(data[1:3], uint16(len(data)-3))
	r.Data = append(data, sealedBody...)
	return r
}

// placeSpace is as much as most places take; see place.
const placeSpace = 256

// buffers are working space for heads, which are opened with every request.
var buffers = sync.Pool{New: func() any { return new([512 + placeSpace]byte) }}

// OpenHead reads the head of r.
func OpenHead(keys *seal.Keys, r storage.Record) (Head, error) {
	sealed, _, err := split(r.Data)
	if err != nil {
		return Head{}, err
	}
	buf := buffers.Get().(*[512 + placeSpace]byte)
	defer buffers.Put(buf)
	at := place(buf[512:512], 'h', r)
	plain, err := keys.Open(buf[:0:512], sealed, at)
	if err != nil {
		return Head{}, broken(err)
	}
	return parseHead(plain)
}

// OpenBody reads the body of r.
func OpenBody(keys *seal.Keys, r storage.Record) ([]byte, error) {
	return appendBody(nil, keys, r, nil)
}

// appendBody appends the body to dst. at is working space.
func appendBody(dst []byte, keys *seal.Keys, r storage.Record, at []byte) ([]byte, error) {
	_, sealed, err := split(r.Data)
	if err != nil {
		return nil, err
	}
	plain, err := keys.Open(dst, sealed, place(at, 'b', r))
	if err != nil {
		return nil, broken(err)
	}
	return plain, nil
}

func split(data []byte) (head, body []byte, err error) {
	if len(data) > 0 && data[0] > format {
		return nil, nil, broken(seal.ErrLater)
	}
	if len(data) < 3 || data[0] != format {
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
	for _, s := range [...]string{r.ID, r.Tenant, string(r.Kind), r.Subject, r.SID} {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}
