package guidetest

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/assert/yaml"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

func TestTheConfigurationInYAML(t *testing.T) {
	text, err := os.ReadFile("config.yaml")
	require.NoError(t, err)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	keys := filepath.Join(t.TempDir(), "passport-keys")
	require.NoError(t, os.WriteFile(keys, []byte(base64.StdEncoding.EncodeToString(key)), 0o600))

	var c passport.Config
	require.NoError(t, yaml.Unmarshal([]byte(strings.Replace(string(text), "/run/secrets/passport-keys", keys, 1)), &c))
	assert.Equal(t, 12*time.Hour, c.IdleTimeout)
	assert.Equal(t, [][]byte{key}, c.EncryptionKeys)
	newPassport(t, c)
}
