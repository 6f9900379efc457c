package text

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// The byte order marks with which editors and shells of Windows begin a file.
var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16LE = []byte("\xff\xfe")
	markUTF16BE = []byte("\xfe\xff")
)

// UTF8 returns what is in a file, or was piped, as UTF-8 without a byte order mark.
// PowerShell 5 writes the mark, or UTF-16, and neither can be seen.
func UTF8(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, markUTF8):
		return data[len(markUTF8):]
	case bytes.HasPrefix(data, markUTF16LE):
		return fromUTF16(data[len(markUTF16LE):], binary.LittleEndian)
	case bytes.HasPrefix(data, markUTF16BE):
		return fromUTF16(data[len(markUTF16BE):], binary.BigEndian)
	}
	return data
}

func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
