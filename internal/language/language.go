// Package language chooses the language of a page: the one that a browser prefers,
// by Accept-Language (RFC 9110 §12.5.4), among those that there are.
//
// Tags are those of BCP 47, as far as browsers send them: a language, a script and
// a region. Extensions and variants are ignored.
package language

import (
	"strings"
)

// Tag names a language, such as de, pt-BR or zh-Hant.
type Tag struct {
	language, script, region string
	written                  string
	partial                  bool // written has more than these three
}

// Parse reads a tag. Its language is 2 to 8 letters, and each subtag 1 to 8 letters
// or digits.
func Parse(written string) (Tag, bool) {
	if len(written) > maxTag {
		return Tag{}, false
	}
	t := Tag{written: written}
	for i, subtag := range strings.Split(strings.ToLower(written), "-") {
		switch {
		case len(subtag) == 0 || len(subtag) > 8 || !isAlphanumeric(subtag):
			return Tag{}, false
		case i == 0:
			if len(subtag) == 1 || strings.ContainsAny(subtag, "0123456789") {
				return Tag{}, false
			}
			t.language = subtag
		case len(subtag) == 4 && t.script == "" && t.region == "" && subtag[0] > '9':
			t.script = subtag
		case isRegion(subtag) && t.region == "":
			t.region = subtag
		default:
			t.partial = true
		}
	}
	t.settle()
	return t, true
}

// isRegion also recognises the digits of an area such as 419, Latin America (RFC 5646
// §2.2.4).
func isRegion(subtag string) bool {
	return len(subtag) == 2 || len(subtag) == 3 && strings.Trim(subtag, "0123456789") == ""
}

// maxTag is the length that RFC 5646 §4.4.1 advises to have room for.
const maxTag = 35

func isAlphanumeric(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// settle replaces codes that browsers no longer use, and fills in the script where
// the language alone does not say how it is written.
func (t *Tag) settle() {
	if now, old := renamed[t.language]; old {
		t.language = now
	}
	if t.language != "zh" || t.script != "" {
		return
	}
	t.script = "hans"
	if t.region == "tw" || t.region == "hk" || t.region == "mo" {
		t.script = "hant"
	}
}

var renamed = map[string]string{"in": "id", "iw": "he", "ji": "yi", "no": "nb"}

// String returns the tag as it was written.
func (t Tag) String() string { return t.written }

// Canonical returns the tag in the usual letter case (RFC 5646 §2.1.1), such as pt-BR,
// with the script of a Chinese one and without codes that are out of use. It reports
// false if the tag has more than a language, a script and a region, which is ignored.
func (t Tag) Canonical() (Tag, bool) {
	t.written = t.language
	if t.script != "" {
		t.written += "-" + strings.ToUpper(t.script[:1]) + t.script[1:]
	}
	if t.region != "" {
		t.written += "-" + strings.ToUpper(t.region)
	}
	return t, !t.partial
}

// Dir is the direction of the language's script, as the dir attribute of HTML has
// it: rtl or ltr.
func (t Tag) Dir() string {
	if rightToLeft[t.script] || t.script == "" && rightToLeft[t.language] {
		return "rtl"
	}
	return "ltr"
}

// rightToLeft holds scripts, and languages that are usually written in them.
var rightToLeft = map[string]bool{
	"arab": true, "hebr": true, "thaa": true, "syrc": true, "nkoo": true, "adlm": true, "rohg": true,
	"ar": true, "fa": true, "he": true, "ur": true, "ps": true, "sd": true, "ug": true, "yi": true, "dv": true, "ckb": true,
}

// How well a tag fits a wish.
const (
	none        = iota
	otherRegion // pt-BR for pt-PT
	general     // de for de-AT, or zh-Hant for zh
	exact
)

// fit says how well t fits the tag that a browser wishes for.
func (t Tag) fit(wish Tag) int {
	switch {
	case t.language != wish.language || t.script != wish.script && t.script != "" && wish.script != "":
		return none
	case t.script == wish.script && t.region == wish.region:
		return exact
	case t.region == "" || wish.region == "":
		return general
	}
	return otherRegion
}
