package main

import (
	"bytes"
	"encoding/json"
	"errors"

	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// result is what a command has printed, and its exit code.
type result struct {
	code     int
	out, err string
}

func call(t *testing.T, in string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), terminal{in: strings.NewReader(in), out: &out, err: &errs}, args)
	return result{code, out.String(), errs.String()}
}

// newFile writes a file that a command reads.
func newFile(t *testing.T, content any) string {
	t.Helper()
	data, ok := content.(string)
	if !ok {
		encoded, err := json.Marshal(content)
		require.NoError(t, err)
		data = string(encoded)
	}
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(data), 0o600))
	return name
}

func TestHelpAndWrongUsage(t *testing.T) {
	assert.Equal(t, exitBadUsage, call(t, "").code)
	assert.Equal(t, exitBadUsage, call(t, "", "missing").code)
	help := call(t, "", "-h")
	assert.Equal(t, exitOK, help.code)
	for _, c := range commands {
		assert.Contains(t, help.out, "  "+c.name+" ")
		own := call(t, "", c.name, "-h")
		assert.Equal(t, exitOK, own.code, c.name)
		assert.Contains(t, own.err, "usage: passport "+c.name)
		assert.Contains(t, own.err, "Exit codes: ", "%s: a script needs to know", c.name)
		assert.Equal(t, exitBadUsage, call(t, "", c.name, "-missing").code, c.name)
		many := call(t, "", c.name, "one", "two")
		assert.Equal(t, exitBadUsage, many.code, c.name)
		assert.NotContains(t, many.err, "two", "it may be a secret")
	}
}

// What is meant to be a file or an address may be a token or a key by mistake.
func TestNoCommandPrintsItsArguments(t *testing.T) {
	for _, secret := range []string{aToken, "Bearer " + aToken, "opaque-secret", "http://a.example/?opaque-secret", " for -x: opaque-secret"} {
		for _, args := range [][]string{
			{secret},
			{"verify", secret},
			{"verify", "-config", secret},
			{"verify", "-" + secret},
			{"verify", "-config=" + secret, "x", "y"},
			{"verify", "-=" + secret},
			{"doctor", secret},
			{"doctor", "-provider=" + secret},
			{"doctor", "-timeout", secret},
			{"doctor", "-ca", secret},
			{"doctor", "-" + secret + "=x"},
			{"keygen", "-o", filepath.Join(secret, secret)},
			{"serve", "-addr", secret},
			{"serve", "-addr", "127.0.0.1:" + secret},
			{"serve", secret},
		} {
			got := call(t, "", args...)
			assert.NotEqual(t, exitOK, got.code, args)
			for _, part := range []string{aToken, "opaque"} {
				assert.NotContains(t, got.out+got.err, part, args)
			}
		}
	}
	got := call(t, "", "doctor", "-timeout", "soon")
	assert.Contains(t, got.err, "invalid value for flag -timeout: parse error")
	assert.Contains(t, call(t, "", "doctor", "-timeout").err, "flag needs an argument: -timeout")
	assert.Contains(t, call(t, "", "doctor", "-json=perhaps").err, "invalid value for -json: parse error")
}

func TestAKeyIsAsTheConfigurationTakesIt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	printed := call(t, "", "keygen")
	require.Equal(t, exitOK, printed.code)
	require.Equal(t, result{}, call(t, "", "keygen", "-o", name))

	config := `{"client_id":"c","redirect_uri":"https://a.example/r","encryption_keys":`
	for _, text := range []string{
		config + `"` + strings.TrimSpace(printed.out) + `"}`,
		strings.Replace(config, "keys", "keys_file", 1) + `"` + filepath.ToSlash(name) + `"}`,
	} {
		var c passport.Config
		require.NoError(t, json.Unmarshal([]byte(text), &c))
		require.Len(t, c.EncryptionKeys, 1)
		assert.Len(t, c.EncryptionKeys[0], 32)
		_, err := passport.New(c)
		assert.NoError(t, err)
	}
	assert.NotEqual(t, printed.out, call(t, "", "keygen").out, "each is new")
}

func TestAKeyFileIsPrivateAndNeverOverwritten(t *testing.T) {
	name := newFile(t, "the key in use")
	assert.Equal(t, exitFailed, call(t, "", "keygen", "-o", name).code)
	kept, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "the key in use", string(kept))

	fresh := filepath.Join(t.TempDir(), "key")
	require.Equal(t, exitOK, call(t, "", "keygen", "-o", fresh).code)
	info, err := os.Stat(fresh)
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o077)
}

func TestAFullDiskIsReported(t *testing.T) {
	var errs bytes.Buffer
	code := run(t.Context(), terminal{out: full{}, err: &errs}, []string{"keygen"})
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, errs.String(), "no room")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errNoRoom }

var errNoRoom = errors.New("no room")
