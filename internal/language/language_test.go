package language

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tags(t testing.TB, names string) []Tag {
	t.Helper()
	var all []Tag
	for _, name := range strings.Fields(names) {
		tag, ok := Parse(name)
		require.True(t, ok, name)
		all = append(all, tag)
	}
	return all
}

const ours = "en de fr es pt-BR zh-Hans zh-Hant id ar"

func accepted(t testing.TB, header, offered string) string {
	t.Helper()
	all := tags(t, offered)
	var names []string
	for _, i := range Match(header, all) {
		names = append(names, all[i].String())
	}
	return strings.Join(names, " ")
}

func TestABrowserGetsTheLanguageThatItPrefers(t *testing.T) {
	for header, want := range map[string]string{
		"de":                                  "de",
		"de-AT":                               "de",
		"DE-at":                               "de",
		"de-CH-1996":                          "de",
		"en-US,en;q=0.9,de;q=0.8":             "en de",
		"fr;q=0.5, de;q=0.7":                  "de fr",
		"fr; q=0.5 , de ;q=0.70":              "de fr",
		"nl, de;q=0.1":                        "de",
		"es-419, en;q=0.9, es;q=0.8":          "es en",
		"pt-PT,pt;q=0.9,en;q=0.8":             "pt-BR en",
		"pt":                                  "pt-BR",
		"zh":                                  "zh-Hans",
		"zh-CN,zh;q=0.9":                      "zh-Hans",
		"zh-SG":                               "zh-Hans",
		"zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7": "zh-Hant zh-Hans en",
		"zh-HK":                               "zh-Hant",
		"zh-Hant-CN":                          "zh-Hant",
		"zh-hans-tw":                          "zh-Hans",
		"in":                                  "id",
		"ar-EG,ar;q=0.9":                      "ar",
		"nl":                                  "",
		"":                                    "",
		"*":                                   strings.Join(strings.Fields(ours), " "),
		"de, *;q=0.1":                         "de en fr es pt-BR zh-Hans zh-Hant id ar",
		"de;q=0":                              "",
		"de;q=0, *":                           "en fr es pt-BR zh-Hans zh-Hant id ar",
		"en, *;q=0":                           "en",
		"pt, pt-BR;q=0":                       "",
		"de-AT;q=0, de":                       "de",
		"zh;q=0, zh-TW":                       "zh-Hant",
		"de;q=0.000, fr;q=0.001":              "fr",
	} {
		assert.Equal(t, want, accepted(t, header, ours), "%q", header)
	}
}

func TestTheRegionDecidesAmongSeveral(t *testing.T) {
	assert.Equal(t, "pt-PT pt pt-BR", accepted(t, "pt-PT", "pt-BR pt pt-PT"))
	assert.Equal(t, "es-419 es", accepted(t, "es-419", "es es-419"))
	assert.Equal(t, "es es-419", accepted(t, "es-MX", "es-419 es"))
	assert.Equal(t, "nb", accepted(t, "no", "nb"))
	assert.Equal(t, "sr-Latn", accepted(t, "sr-Latn-RS", "sr-Cyrl sr-Latn"))
	assert.Empty(t, accepted(t, "zh-TW", "zh-Hans"), "another script is another page")
}

func TestJunkIsIgnored(t *testing.T) {
	for _, junk := range []string{
		"q=1", ";q=1", "-", "--", "d", "d-e", "de-", "-de", "de--at", "de at", "de;q", "de;q=", "de;q=2", "de;q=1.001", "de;q=-1",
		"de;q=0.0001", "de;q=.5", "de;q=1e0", "de;q=+1", "de;level=1", "de;q=1;q=1", "123", "1de", "abcdefghi", "d\x00e", "dé", "\xff",
		"de-abcdefghi", "de_AT", "**", "*-CH", strings.Repeat("de-", 20) + "at",
	} {
		assert.Empty(t, accepted(t, junk, ours), "%q", junk)
		assert.Equal(t, "fr", accepted(t, junk+",fr;q=0.1", ours), "%q beside a good one", junk)
	}
	assert.Equal(t, "de", accepted(t, ",, ,de,\t,", ours))
}

// Whatever the length of a header, no more than a bounded part of it is read.
func TestAHeaderOfAnySizeIsBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	assert.Empty(t, Match(long, tags(t, ours)))
	assert.Equal(t, "de", accepted(t, "de,"+long, ours))
	assert.Empty(t, accepted(t, strings.Repeat("nl,", 1<<18)+"de", ours))
	assert.Len(t, parseHeader(strings.Repeat("nl,", 1<<18)), maxRanges)
	assert.Equal(t, "de", accepted(t, "de,"+strings.Repeat("f,", 600)+"fr", ours), "nor is a tag cut in two")
	header := strings.Repeat("nl-Latn-NL;q=0.123,", 1<<16)
	offered := tags(t, ours)
	assert.Less(t, testing.AllocsPerRun(10, func() { Match(header, offered) }), 200.0)
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"de": "de", "PT-br": "pt-BR", "zh-HANT": "zh-Hant", "SR-latn-rs": "sr-Latn-RS",
		"zh": "zh-Hans", "zh-TW": "zh-Hant-TW", "iw": "he", "in": "id", "no": "nb",
		"es-419": "es-419", "de-1996": "", "de-AT-x-own": "", "en-US-u-hc-h12": "",
	} {
		tag, whole := tags(t, name)[0].Canonical()
		assert.Equal(t, want != "", whole, name)
		if whole {
			assert.Equal(t, want, tag.String(), name)
			assert.Equal(t, tags(t, want)[0].Dir(), tag.Dir(), name)
		}
	}
}

func TestDir(t *testing.T) {
	for name, want := range map[string]string{
		"en": "ltr", "ar": "rtl", "ar-EG": "rtl", "he": "rtl", "iw": "rtl", "fa-IR": "rtl", "ur": "rtl",
		"az": "ltr", "az-Arab": "rtl", "ur-Latn": "ltr", "zh-Hant": "ltr",
	} {
		assert.Equal(t, want, tags(t, name)[0].Dir(), name)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("en-US,en;q=0.9,de;q=0.8,*;q=0.1")
	f.Add("zh-Hant-TW;q=0, *")
	f.Fuzz(func(t *testing.T, header string) {
		offered := tags(t, ours)
		all := Match(header, offered)
		assert.LessOrEqual(t, len(all), len(offered))
		seen := slices.Clone(all)
		slices.Sort(seen)
		assert.Equal(t, len(all), len(slices.Compact(seen)), "each at most once")
	})
}
