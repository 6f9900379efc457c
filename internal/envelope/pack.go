package envelope

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/strictbase64"
)

// Pack returns the body of a session in its shorter form, or a body that is not one of
// tokens as it is.
//
// A JSON Web Token is base64url between dots, and a third longer than the bytes that it
// stands for (RFC 7515 §3.1). Nobody can make sealed bytes shorter, so these are what is
// sealed: the segments, in order, each after its length (uvarint). A text that would not
// come back byte by byte stays as it is.
//
// What is in nearly every session is left out, see [shared].
//
// To make the text again takes a microsecond or two, which is little beside a round trip to
// a store, and much beside a look-up in memory: so it is for the former.
func Pack(body []byte) []byte {
	t, err := ParseTokens(body)
	if err != nil {
		return body
	}
	return t.marshal(tokensSharedFormat, func(b []byte, s string) []byte { return appendShared(b, s, t.IDToken) })
}

// shared are texts that stand for themselves by their number, which must not change. The
// number headerOfFirst stands for the first segment of the first text: tokens that one
// key has signed begin with the same header. The rest of the text follows.
var shared = [...]string{1: "Bearer", 2: "openid profile email offline_access transact"}

const (
	// isShared comes before such a number. Nothing that is packed is empty.
	isShared = 0<<1 | 1

	headerOfFirst = 3
)

// appendShared is appendText with what is shared left out.
func appendShared(dst []byte, s, first string) []byte {
	if i := slices.Index(shared[1:], s); i >= 0 {
		return append(dst, isShared, byte(i+1))
	}
	dot := strings.IndexByte(first, '.')
	if dot < 0 || s == first || !strings.HasPrefix(s, first[:dot+1]) {
		return appendText(dst, s)
	}
	if _, ok := pack(first); !ok {
		return appendText(dst, s)
	}
	return appendText(append(dst, isShared, headerOfFirst), s[dot:])
}

// cutShared cuts what appendShared has appended from the front of rest.
func cutShared(rest []byte, first storedText) (text storedText, behind []byte, ok bool) {
	if len(rest) < 2 || rest[0] != isShared {
		return cutPacked(rest)
	}
	n, rest := rest[1], rest[2:]
	if n > 0 && int(n) < len(shared) {
		return storedText{stored: []byte(shared[n])}, rest, true
	}
	if n != headerOfFirst || !first.packed {
		return storedText{}, nil, false
	}
	header, _, ok := cutText(first.stored)
	if !ok {
		return storedText{}, nil, false
	}
	text, behind, ok = cutPacked(rest)
	text.header = header
	return text, behind, ok
}

// appendText appends s, packed if that is shorter, after its length. The lowest bit of
// the length says which.
func appendText(dst []byte, s string) []byte {
	if packed, ok := pack(s); ok {
		dst = binary.AppendUvarint(dst, uint64(len(packed))<<1|1)
		return append(dst, packed...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s))<<1)
	return append(dst, s...)
}

// pack reports false for a text that it would not make shorter, or that is not the only
// spelling of its bytes.
func pack(s string) (packed []byte, ok bool) {
	packed = make([]byte, 0, len(s))
	for segment := range strings.SplitSeq(s, ".") {
		raw, err := strictbase64.RawURL(segment)
		if err != nil {
			return nil, false
		}
		packed = append(binary.AppendUvarint(packed, uint64(len(raw))), raw...)
	}
	return packed, len(packed) < len(s)
}

// appendUnpacked appends what was packed to dst.
func appendUnpacked(dst, packed []byte) (text []byte, ok bool) {
	for first := true; first || len(packed) > 0; first = false {
		var raw []byte
		if raw, packed, ok = cutText(packed); !ok {
			return nil, false
		}
		if !first {
			dst = append(dst, '.')
		}
		dst = base64.RawURLEncoding.AppendEncode(dst, raw)
	}
	return dst, true
}

// cutPacked cuts a text that [appendText] has appended from the front of rest.
func cutPacked(rest []byte) (text storedText, behind []byte, ok bool) {
	length, n := binary.Uvarint(rest)
	if n <= 0 || length>>1 > uint64(len(rest)-n) {
		return storedText{}, nil, false
	}
	end := n + int(length>>1)
	return storedText{stored: rest[n:end], packed: length&1 == 1}, rest[end:], true
}

// storedText is a text in a body.
type storedText struct {
	stored []byte
	packed bool
	header []byte // the segment in front of it, if that is shared
}

// read returns a copy.
func (t storedText) read() (s string, ok bool) {
	if !t.packed && t.header == nil {
		return string(t.stored), true
	}
	var space [2048]byte
	defer clear(space[:])
	text := base64.RawURLEncoding.AppendEncode(space[:0], t.header)
	if !t.packed {
		return string(append(text, t.stored...)), true
	}
	text, ok = appendUnpacked(text, t.stored)
	return string(text), ok
}
