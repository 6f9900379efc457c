package page_test

import (
	"embed"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/page"
)

//go:embed program.html
var files embed.FS

const clientID = "your-client-id"

func ownPages() (*passport.Passport, error) {
	p, err := passport.New(passport.Config{
		ClientID:    clientID,
		RedirectURI: "https://game.example/redirect",
		Pages:       page.Options{Render: page.Template(template.Must(template.ParseFS(files, "program.html")))},
	})
	return p, err
}

func ownTexts(dutch map[string]string) passport.Config {
	return passport.Config{
		ClientID:    clientID,
		RedirectURI: "https://game.example/redirect",
		Pages: page.Options{
			Texts: map[string]map[string]string{
				"nl": dutch, // all of the names below
				"en": {"home": "Back to the game"},
			},
			Languages: []string{"nl", "en", "de"},
		},
	}
}

func TestTheTemplateInTheDocumentIsTheOneThatIsTested(t *testing.T) {
	document, err := os.ReadFile("../docs/pages.md")
	require.NoError(t, err)
	source, err := files.ReadFile("program.html")
	require.NoError(t, err)
	assert.Contains(t, string(document), string(source))
}

// shown is what a callback without a login answers.
func shown(t *testing.T, p *passport.Passport, languages string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://game.example/redirect?state=x&code=y", nil)
	r.Header.Set("Accept-Language", languages)
	w := httptest.NewRecorder()
	p.LoginCallback(w, r)
	require.Equal(t, http.StatusBadRequest, w.Code)
	return w
}

func TestPagesAreTheProgramsOwnInTheUsersLanguage(t *testing.T) {
	p, err := ownPages()
	require.NoError(t, err)
	arabic := shown(t, p, "ar")
	assert.Contains(t, arabic.Body.String(), `<main class="failed">`)
	assert.Contains(t, arabic.Body.String(), `dir="rtl"`)
	assert.Contains(t, arabic.Header().Get("Content-Security-Policy"), "'nonce-")
	assert.Contains(t, shown(t, p, "de-AT").Body.String(), "Diese Anmeldung ist nicht mehr gültig")
}

func TestTextsAreTheProgramsOwn(t *testing.T) {
	c := ownTexts(map[string]string{
		"expired": "Deze aanmelding is verlopen", "expired.text": "Probeer het opnieuw.",
		"sign-in-again": "Opnieuw aanmelden", "home": "Naar het begin",
	})
	p, err := passport.New(c)
	require.NoError(t, err)
	assert.Contains(t, shown(t, p, "nl-BE").Body.String(), "Deze aanmelding is verlopen")
	assert.Contains(t, shown(t, p, "en").Body.String(), "Back to the game")
	assert.Contains(t, shown(t, p, "fr").Body.String(), `lang="nl"`, "the default is the first")

	c.Pages.Texts["nl"]["expird"] = "?"
	_, err = passport.New(c)
	assert.ErrorContains(t, err, `Pages text "expird" in nl is unknown`)
}
