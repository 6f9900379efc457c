package pages

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/passport-go/passport/internal/language"
	"github.com/passport-go/passport/page"
)

// english is the language that has every text, in every program.
const english = "en"

// builtInTags are the languages in the folder texts, the default first.
var builtInTags = []string{english, "de", "fr", "es", "pt-BR", "it", "pl", "tr", "ru", "ja", "ko", "zh-Hans", "zh-Hant", "id", "ar"}

// loaded has the languages that have been needed so far.
var loaded sync.Map

//go:embed texts
var textFiles embed.FS

// builtIn returns the texts of a language, or nil.
func builtIn(tag string) map[ID]string {
	if !slices.Contains(builtInTags, tag) {
		return nil
	}
	texts, ok := loaded.Load(tag)
	if !ok {
		texts, _ = loaded.LoadOrStore(tag, readTexts(tag))
	}
	return texts.(map[ID]string)
}

// readTexts reads a file of this package. They are tested, so an error is a mistake
// in this package.
func readTexts(tag string) map[ID]string {
	var texts map[ID]string
	data, err := textFiles.ReadFile("texts/" + tag + ".json")
	if err == nil {
		err = json.Unmarshal(data, &texts)
	}
	if err != nil {
		panic("passport: pages: " + err.Error())
	}
	return texts
}

// Text is one text of a page: that of ID or, if it is set, Literal, which the program
// has written itself. Code replaces the placeholder of a text that has one.
type Text struct {
	ID      ID
	Literal string
	Code    string
}

// Say is the text with that ID.
func Say(id ID) Text { return Text{ID: id} }

// table has the texts of a program, in the languages that it offers.
type table struct {
	own     map[string]map[ID]string
	offered []language.Tag
}

// newTable checks the options. Its errors do not name the field.
func newTable(o page.Options) (table, []error) {
	t := table{own: make(map[string]map[ID]string)}
	var problems []error
	for _, written := range slices.Sorted(maps.Keys(o.Texts)) {
		tag, err := canonical(written)
		if err == nil && t.own[tag.String()] != nil {
			err = fmt.Errorf("is the same language as another: %s", tag)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%q in Texts %w", written, err))
			continue
		}
		own, wrong := checkTexts(written, o.Texts[written])
		t.own[tag.String()] = own
		problems = append(problems, wrong...)
	}
	for _, written := range t.languages(o) {
		tag, err := canonical(written)
		if err != nil || !t.has(tag.String()) {
			problems = append(problems, fmt.Errorf("%q in Languages is not a language that there are texts in", written))
		}
		t.offered = append(t.offered, tag)
	}
	return t, problems
}

// canonical reads a program's tag. One that says more than a page goes by would never
// be chosen beside the one that does not.
func canonical(written string) (language.Tag, error) {
	tag, ok := language.Parse(written)
	if !ok {
		return tag, errors.New("is not a language tag, such as nl or pt-PT")
	}
	tag, whole := tag.Canonical()
	if !whole {
		return tag, fmt.Errorf("has more than a language, a script and a region: write %s", tag)
	}
	return tag, nil
}

// checkTexts copies the texts of one language.
func checkTexts(language string, texts map[string]string) (own map[ID]string, problems []error) {
	own = make(map[ID]string)
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		if err := checkText(ID(id), texts[id]); err != nil {
			problems = append(problems, fmt.Errorf("text %q in %s %w", id, language, err))
		}
		own[ID(id)] = texts[id]
	}
	return own, problems
}

func checkText(id ID, text string) error {
	switch {
	case !slices.Contains(ids, id):
		return fmt.Errorf("is unknown: docs/pages.md lists the names")
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("is empty")
	case strings.Contains(text, codePlaceholder) != (id == SignInFailedCode):
		return fmt.Errorf("must have the placeholder %s if it is %s, and only then", codePlaceholder, SignInFailedCode)
	}
	return nil
}

// languages returns the tags that are offered, the default first.
func (t table) languages(o page.Options) []string {
	if len(o.Languages) > 0 {
		return o.Languages
	}
	all := slices.Clone(builtInTags)
	for _, tag := range slices.Sorted(maps.Keys(t.own)) {
		if !slices.Contains(all, tag) {
			all = append(all, tag)
		}
	}
	return all
}

func (t table) has(tag string) bool {
	return slices.Contains(builtInTags, tag) || t.own[tag] != nil
}

// lookUp returns a text in a language or in its parents, or "".
func (t table) lookUp(tag string, id ID) string {
	for {
		if text := t.own[tag][id]; text != "" {
			return text
		}
		if text := builtIn(tag)[id]; text != "" {
			return text
		}
		end := strings.LastIndexByte(tag, '-')
		if end < 0 {
			return ""
		}
		tag = tag[:end]
	}
}

// tongue is the language of a response.
type tongue struct {
	language.Tag
	table
}

// choose returns the language for a response to r that is made of the texts: the one
// that the browser prefers among those that have them all.
func (t table) choose(r *http.Request, texts ...Text) tongue {
	candidates := make([]language.Tag, 0, len(t.offered)+2)
	for _, i := range language.Match(strings.Join(r.Header["Accept-Language"], ","), t.offered) {
		candidates = append(candidates, t.offered[i])
	}
	candidates = append(candidates, t.offered[0])
	for _, tag := range candidates {
		if !slices.ContainsFunc(texts, func(text Text) bool { return text.Literal == "" && t.lookUp(tag.String(), text.ID) == "" }) {
			return tongue{tag, t}
		}
	}
	last, _ := language.Parse(english)
	return tongue{last, t}
}

// say returns a text in the language.
func (t tongue) say(text Text) string {
	if text.Literal != "" {
		return text.Literal
	}
	return strings.Replace(t.lookUp(t.String(), text.ID), codePlaceholder, text.Code, 1)
}

func (t tongue) sayAll(texts []Text) []string {
	var said []string
	for _, text := range texts {
		said = append(said, t.say(text))
	}
	return said
}

// announce sets the headers that say which language a response is in.
func (t tongue) announce(h http.Header) {
	h.Set("Content-Language", t.String())
	if !slices.Contains(h.Values("Vary"), "Accept-Language") {
		h.Add("Vary", "Accept-Language")
	}
}
