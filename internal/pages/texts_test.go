package pages

import (
	"errors"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/language"
	"github.com/passport-go/passport/page"
)

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// A language is whole: with a text that is missing, its users would get English.
func TestEveryLanguageHasEveryText(t *testing.T) {
	files, err := os.ReadDir("texts")
	require.NoError(t, err)
	require.Len(t, builtInTags, len(files), "each file is offered")
	original := builtIn(english)
	for _, tag := range builtInTags {
		_, ok := language.Parse(tag)
		require.True(t, ok, tag)
		texts := builtIn(tag)
		assert.Len(t, texts, len(ids), tag)
		for _, id := range ids {
			text := texts[id]
			require.NotEmpty(t, text, "%s has no %s", tag, id)
			assert.NoError(t, checkText(id, text), "%s: %s", tag, id)
			assert.Equal(t, placeholder.FindAllString(original[id], -1), placeholder.FindAllString(text, -1), "%s: %s", tag, id)
			assert.Equal(t, strings.Count(original[id], "Passport"), strings.Count(text, "Passport"), "%s: %s names Passport as often", tag, id)
			assert.Equal(t, strings.TrimSpace(text), text, "%s: %s", tag, id)
			assert.NotContains(t, text, "'", "%s: %s: the apostrophe is ’", tag, id)
			if tag != english {
				assert.NotEqual(t, original[id], text, "%s: %s is not translated", tag, id)
			}
		}
	}
}

// docs/pages.md is where programs find the names.
func TestTheDocumentHasEveryText(t *testing.T) {
	document, err := os.ReadFile("../../docs/pages.md")
	require.NoError(t, err)
	for _, id := range ids {
		assert.Contains(t, string(document), "\n| `"+string(id)+"` | "+builtIn(english)[id]+" |")
	}
	for _, tag := range builtInTags {
		assert.Contains(t, string(document), "`"+tag+"`")
	}
}

func serveIn(s *Set, languages string, m Message) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Serve(w, browser(languages), m)
	return w
}

func TestAPageIsInTheLanguageThatTheBrowserPrefers(t *testing.T) {
	for languages, want := range map[string]string{
		"":                        `<html lang="en" dir="ltr">`,
		"xx, yy;q=0.5":            `<html lang="en" dir="ltr">`,
		"de-AT, en;q=0.5":         `<html lang="de" dir="ltr">`,
		"pt":                      `<html lang="pt-BR" dir="ltr">`,
		"zh-TW":                   `<html lang="zh-Hant" dir="ltr">`,
		"ar-EG, ar;q=0.9":         `<html lang="ar" dir="rtl">`,
		strings.Repeat("x", 9999): `<html lang="en" dir="ltr">`,
	} {
		w := serveIn(ours, languages, expired())
		assert.Contains(t, w.Body.String(), want, languages)
		tag := regexp.MustCompile(`lang="(.+?)"`).FindStringSubmatch(want)[1]
		assert.Contains(t, w.Body.String(), "<h1>"+builtIn(tag)[Expired]+"</h1>")
		assert.Equal(t, tag, w.Header().Get("Content-Language"))
		assert.Equal(t, []string{"Accept-Language"}, w.Header().Values("Vary"))
	}
}

// The lines of a header are one list, and another Vary stays.
func TestAcceptLanguageMayComeInSeveralLines(t *testing.T) {
	r := browser("xx")
	r.Header.Add("Accept-Language", "it")
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Origin")
	said := ours.Say(w, r, Say(Back), Text{ID: SignInFailedCode, Code: "server_error"}, Text{Literal: "Ciao"})
	assert.Equal(t, []string{"Indietro", "Il servizio di accesso ha segnalato un errore: server_error.", "Ciao"}, said)
	assert.Equal(t, []string{"Origin", "Accept-Language"}, w.Header().Values("Vary"))
	ours.Say(w, r, Say(Back))
	assert.Equal(t, []string{"Origin", "Accept-Language"}, w.Header().Values("Vary"))
}

func TestAProgramOverridesTextsAndAddsLanguages(t *testing.T) {
	nl := map[string]string{}
	for _, id := range ids {
		nl[string(id)] = "nl " + string(id)
	}
	nl["sign-in-failed.code"] = "nl {code}"
	s := newSet(page.Options{Texts: map[string]map[string]string{
		"nl":    nl,
		"de":    {"expired": "Abgelaufen"},
		"de-CH": {"home": "Zur Startseite, gäll"},
		"sv":    {"expired": "Utgången"},
	}})
	assert.Contains(t, serveIn(s, "nl-BE", expired()).Body.String(), "<h1>nl expired</h1>")

	german := serveIn(s, "de", expired()).Body.String()
	assert.Contains(t, german, "<h1>Abgelaufen</h1>")
	assert.Contains(t, german, ">Zur Startseite<")

	swiss := serveIn(s, "de-CH", expired()).Body.String()
	assert.Contains(t, swiss, `<html lang="de-CH"`)
	assert.Contains(t, swiss, "<h1>Abgelaufen</h1>", "as its parent")
	assert.Contains(t, swiss, "gäll")
	assert.Contains(t, swiss, builtIn("de")[SignInAgain])

	// Swedish lacks the texts of this page, so the next language has it as a whole.
	swedish := serveIn(s, "sv, fr;q=0.1", expired()).Body.String()
	assert.Contains(t, swedish, `<html lang="fr"`)
	assert.NotContains(t, swedish, "Utgången")
	assert.Equal(t, []string{"Utgången"}, s.Say(httptest.NewRecorder(), browser("sv"), Say(Expired)))

	assert.Contains(t, serveIn(ours, "de", expired()).Body.String(), builtIn("de")[Expired], "other programs are not touched")
}

// BCP 47 tags are the same in any letter case, and some languages have several.
func TestAProgramsTextsAreShownHoweverItsTagIsWritten(t *testing.T) {
	for written, header := range map[string]string{
		"pt-br": "pt-BR", "PT-BR": "pt-BR", "zh-hant": "zh-TW", "zh": "zh-CN", "in": "id", "zh-TW": "zh-TW", "DE-ch": "de-CH", "es-419": "es-419",
	} {
		for _, languages := range [][]string{nil, {"en", written}} {
			s := newSet(page.Options{Texts: map[string]map[string]string{written: {"home": "MINE"}}, Languages: languages})
			w := serveIn(s, header, expired())
			assert.Contains(t, w.Body.String(), ">MINE<", "%s: the rest is the SDK's", written)
		}
	}
	s := newSet(page.Options{Texts: map[string]map[string]string{"pt-br": {"home": "MINHA"}}})
	assert.Contains(t, serveIn(s, "pt-BR", expired()).Body.String(), `<html lang="pt-BR"`)
	assert.Contains(t, serveIn(newSet(page.Options{Languages: []string{"FR"}}), "", expired()).Body.String(), `<html lang="fr"`)
}

func TestAProgramChoosesItsLanguages(t *testing.T) {
	s := newSet(page.Options{
		Texts:     map[string]map[string]string{"sv": {"expired": "Utgången"}},
		Languages: []string{"fr", "de", "sv"},
	})
	for languages, want := range map[string]string{"": "fr", "it": "fr", "de": "de", "en": "fr", "sv": "fr"} {
		assert.Contains(t, serveIn(s, languages, expired()).Body.String(), `<html lang="`+want+`"`, languages)
	}
	onlySwedish := newSet(page.Options{Texts: map[string]map[string]string{"sv": {"expired": "Utgången"}}, Languages: []string{"sv"}})
	assert.Contains(t, serveIn(onlySwedish, "sv", expired()).Body.String(), `<html lang="en"`, "English is always whole")
}

func TestOptionsAreCheckedAndCopied(t *testing.T) {
	for problem, o := range map[string]page.Options{
		`"n!" in Texts is not a language tag, such as nl or pt-PT`:                                                      {Texts: map[string]map[string]string{"n!": {}}, Languages: []string{"en"}},
		`text "expird" in nl is unknown: docs/pages.md lists the names`:                                                 {Texts: map[string]map[string]string{"nl": {"expird": "x"}}},
		`text "expired" in nl is empty`:                                                                                 {Texts: map[string]map[string]string{"nl": {"expired": " "}}},
		`text "expired" in nl must have the placeholder {code} if it is sign-in-failed.code, and only then`:             {Texts: map[string]map[string]string{"nl": {"expired": "{code}"}}},
		`text "sign-in-failed.code" in nl must have the placeholder {code} if it is sign-in-failed.code, and only then`: {Texts: map[string]map[string]string{"nl": {"sign-in-failed.code": "fout"}}},
		`"pt-br" in Texts is the same language as another: pt-BR`:                                                       {Texts: map[string]map[string]string{"pt-BR": {}, "pt-br": {}}},
		`"de-1996" in Texts has more than a language, a script and a region: write de`:                                  {Texts: map[string]map[string]string{"de-1996": {}}},
		`"nl" in Languages is not a language that there are texts in`:                                                   {Languages: []string{"en", "nl"}},
	} {
		_, problems := NewSet(o, nil)
		assert.EqualError(t, errors.Join(problems...), problem)
	}
	texts := map[string]map[string]string{"nl": {"expired": "Verlopen"}}
	tags := []string{"nl"}
	s := newSet(page.Options{Texts: texts, Languages: tags})
	texts["nl"]["expired"], tags[0] = "changed", "de"
	assert.Equal(t, []string{"Verlopen"}, s.Say(httptest.NewRecorder(), browser("nl"), Say(Expired)))
}

func TestTextsAreReadByManyAtOnce(t *testing.T) {
	done := make(chan string)
	for range 8 {
		go func() { done <- serveIn(ours, "ru", expired()).Body.String() }()
	}
	var bodies []string
	for range 8 {
		bodies = append(bodies, <-done)
	}
	assert.Len(t, slices.Compact(bodies), 1)
}
