package passport_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/assert/yaml"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/textconfig"
)

func randomKey() (key []byte, text string) {
	key = make([]byte, 32)
	_, _ = rand.Read(key)
	return key, base64.StdEncoding.EncodeToString(key)
}

func TestConfigFromEnv(t *testing.T) {
	newest, newestText := randomKey()
	older, olderText := randomKey()
	for name, value := range map[string]string{
		"PASSPORT_ENVIRONMENT":         "production",
		"PASSPORT_PUBLISHABLE_KEY":     "pk_imapik-test",
		"PASSPORT_CLIENT_ID":           "client",
		"PASSPORT_CLIENT_SECRET":       "hush\n",
		"PASSPORT_REDIRECT_URI":        "http://localhost:3000/redirect",
		"PASSPORT_LOGOUT_REDIRECT_URI": "http://localhost:3000/silent-logout",
		"PASSPORT_LOGOUT_MODE":         "silent",
		"PASSPORT_AUDIENCE":            "other_api",
		"PASSPORT_SCOPES":              "openid  email",
		"PASSPORT_AUTH_DOMAIN":         "auth.example.com",
		"PASSPORT_IDLE_TIMEOUT":        "12h",
		"PASSPORT_SESSION_LIFETIME":    "30d",
		"PASSPORT_FEDERATED":           "true",
		"PASSPORT_COOKIE_NAME":         "",
		"PASSPORT_ENCRYPTION_KEYS":     newestText + ",\n" + olderText,
	} {
		t.Setenv(name, value)
	}
	c, err := passport.ConfigFromEnv()
	require.NoError(t, err)
	assert.Equal(t, passport.Config{
		Environment:       passport.Production,
		PublishableKey:    "pk_imapik-test",
		ClientID:          "client",
		ClientSecret:      "hush",
		RedirectURI:       "http://localhost:3000/redirect",
		LogoutRedirectURI: "http://localhost:3000/silent-logout",
		LogoutMode:        passport.LogoutSilent,
		Audience:          "other_api",
		Scopes:            []string{"openid", "email"},
		AuthDomain:        "auth.example.com",
		IdleTimeout:       12 * time.Hour,
		SessionLifetime:   30 * 24 * time.Hour,
		Federated:         true,
		EncryptionKeys:    [][]byte{newest, older},
	}, c)
	_, err = passport.New(c)
	assert.NoError(t, err)
}

func TestConfigFromEnvNamesEveryProblemAndNoSecret(t *testing.T) {
	t.Setenv("PASSPORT_ENCRYPTION_KEYS", "hush!")
	t.Setenv("PASSPORT_CLIENT_SECRET_FILE", "hush/as/a/path")
	t.Setenv("PASSPORT_IDLE_TIMEOUT", "90")
	t.Setenv("PASSPORT_DISCOVER", "perhaps")
	_, err := passport.ConfigFromEnv()
	require.Error(t, err)
	for _, name := range []string{"PASSPORT_ENCRYPTION_KEYS", "PASSPORT_CLIENT_SECRET_FILE", "PASSPORT_IDLE_TIMEOUT", "PASSPORT_DISCOVER"} {
		assert.Contains(t, err.Error(), name)
	}
	assert.NotContains(t, err.Error(), "hush", "a secret, even in the wrong place")
}

func TestSecretsOfAConfigMayBeInFiles(t *testing.T) {
	key, text := randomKey()
	secret := filepath.Join(t.TempDir(), "secret")
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(secret, []byte("hush\n"), 0o600))
	require.NoError(t, os.WriteFile(keys, []byte(text+"\n"), 0o600))
	t.Setenv("PASSPORT_CLIENT_SECRET_FILE", secret)
	t.Setenv("PASSPORT_ENCRYPTION_KEYS_FILE", keys)
	c, err := passport.ConfigFromEnv()
	require.NoError(t, err)
	assert.Equal(t, "hush", c.ClientSecret.Reveal())
	assert.Equal(t, [][]byte{key}, c.EncryptionKeys)

	// As Windows writes them.
	require.NoError(t, os.WriteFile(secret, []byte("\xef\xbb\xbfhush\r\n"), 0o600))
	require.NoError(t, os.WriteFile(keys, []byte("\xff\xfe"+strings.Join(strings.Split(text, ""), "\x00")+"\x00\r\x00\n\x00"), 0o600))
	c, err = passport.ConfigFromEnv()
	require.NoError(t, err)
	assert.Equal(t, "hush", c.ClientSecret.Reveal())
	assert.Equal(t, [][]byte{key}, c.EncryptionKeys)

	t.Setenv("PASSPORT_CLIENT_SECRET", "another")
	_, err = passport.ConfigFromEnv()
	assert.ErrorContains(t, err, "PASSPORT_CLIENT_SECRET_FILE: does not go with PASSPORT_CLIENT_SECRET")
}

func TestAConfigInJSONAndYAML(t *testing.T) {
	key, text := randomKey()
	want := passport.Config{
		ClientID:       "client",
		RedirectURI:    "http://localhost:3000/redirect",
		Scopes:         []string{"openid", "email"},
		IdleTimeout:    -1,
		RevocationWait: 1500 * time.Millisecond,
		LogoutByGET:    true,
		EncryptionKeys: [][]byte{key},
	}
	var c passport.Config
	require.NoError(t, json.Unmarshal([]byte(`{"client_id": "client", "redirect_uri": "http://localhost:3000/redirect",
		"scopes": ["openid", "email"], "idle_timeout": "off", "revocation_wait": "1.5s", "logout_by_get": true,
		"encryption_keys": ["`+text+`"]}`), &c))
	assert.Equal(t, want, c)

	c = passport.Config{}
	require.NoError(t, yaml.Unmarshal([]byte("client_id: client\nredirect_uri: http://localhost:3000/redirect\n"+
		"scopes: [openid, email]\nidle_timeout: off\nrevocation_wait: 1.5s\nlogout_by_get: true\nencryption_keys:\n  - "+text+"\n"), &c))
	assert.Equal(t, want, c)
}

func TestAConfigInJSONRefusesWhatItDoesNotKnow(t *testing.T) {
	for text, complaint := range map[string]string{
		`{"clientid": "x"}`:                   `"clientid"`,
		`{"CLIENT_ID": "x"}`:                  `"CLIENT_ID"`,
		`{"store": {}}`:                       `"store"`,
		`{"client_id": "x", "client_id":"y"}`: "twice",
		`{"idle_timeout": 900}`:               "idle_timeout",
		`{"client_id": 7}`:                    "client_id",
		`[]`:                                  "object",
	} {
		var c passport.Config
		assert.ErrorContains(t, json.Unmarshal([]byte(text), &c), complaint, text)
	}
}

func TestAConfigIsWrittenWithoutItsSecrets(t *testing.T) {
	c := least()
	c.ClientSecret, c.EncryptionKeys = "hush", [][]byte{[]byte("a key of exactly thirty-two byte")}
	c.IdleTimeout, c.SilentTimeout = -1, 90*time.Second
	text, err := json.Marshal(c)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "hush")
	assert.NotContains(t, string(text), base64.StdEncoding.EncodeToString(c.EncryptionKeys[0]))
	var read passport.Config
	require.NoError(t, json.Unmarshal(text, &read))
	c.ClientSecret, c.EncryptionKeys, c.Store, c.HTTPClient, c.Now, c.Logger = "", nil, nil, nil, nil, nil
	assert.Equal(t, c, read)
}

// The table in the documentation is the Config: each field that text can set has
// its row, and each that it cannot is named below.
func TestTheTableOfTheConfigIsComplete(t *testing.T) {
	page, err := os.ReadFile("docs/configuration.md")
	require.NoError(t, err)
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) == 6 && strings.HasPrefix(cells[1], " `") {
			rows[strings.Trim(cells[1], " `")] = line
		}
	}
	config := reflect.TypeFor[passport.Config]()
	fields := textconfig.Fields(config)
	for _, f := range fields {
		for _, field := range reflect.VisibleFields(config) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name == f.Name {
				row := rows[field.Name]
				assert.Contains(t, row, "`"+f.Name+"`", field.Name)
				assert.Contains(t, row, "| "+f.Type+" |", field.Name)
				assert.Equal(t, name, field.Tag.Get("yaml"), field.Name)
				delete(rows, field.Name)
			}
		}
	}
	assert.Empty(t, rows, "rows of no field")
	for _, field := range reflect.VisibleFields(config) {
		if field.Tag.Get("json") == "-" {
			assert.Contains(t, string(page), "`"+field.Name+"`", "a field that only a program can set")
		} else {
			assert.NotEmpty(t, field.Tag.Get("json"), "%s has no name in JSON: give it one, or \"-\"", field.Name)
		}
	}
}
