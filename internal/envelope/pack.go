package envelope

import (
	"encoding/base64"
	"encoding/binary"
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
// To make the text again takes a microsecond or two, which is little beside a round trip to
// a store, and much beside a look-up in memory: so it is for the former.
func Pack(body []byte) []byte {
	t, err := ParseTokens(body)
	if err != nil {
		return body
	}
	return t.marshal(tokensPackedFormat, appendText)
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
	return storedText{rest[n:end], length&1 == 1}, rest[end:], true
}

// storedText is a text in a body.
type storedText struct {
	stored []byte
	packed bool
}

// read returns a copy.
func (t storedText) read() (s string, ok bool) {
	if !t.packed {
		return string(t.stored), true
	}
	var space [2048]byte
	defer clear(space[:])
	text, ok := appendUnpacked(space[:0], t.stored)
	return string(text), ok
}
