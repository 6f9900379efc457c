//go:build !js

package localstorage

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// golden is what the JavaScript SDK has stored; internal/browsertest/jssdk checks
// that it still does so.
func golden(t testing.TB) string {
	t.Helper()
	item, err := os.ReadFile("testdata/user.json")
	require.NoError(t, err)
	return string(item)
}

func TestTheFormatIsTheJavaScriptSDKs(t *testing.T) {
	item := golden(t)
	u, err := parseUser(item)
	require.NoError(t, err)
	assert.Equal(t, "email|00000000000000000000a11c", u.Subject)
	assert.Equal(t, "RmFkbTtgor7EzvGm-ZTxWmhkW9eQQVtF", u.SID)
	assert.True(t, strings.HasPrefix(u.IDToken, "eyJ"))
	assert.True(t, strings.HasPrefix(u.AccessToken, "eyJ"))
	assert.True(t, strings.HasPrefix(u.RefreshToken, "v1."))
	assert.Equal(t, "Bearer", u.TokenType)
	assert.Equal(t, "openid offline_access email transact", u.Scope)
	assert.Equal(t, time.Unix(1795456554, 0).UTC(), u.TokenExpiry)

	again, same, err := formatUser(u)
	require.NoError(t, err)
	assert.JSONEq(t, item, again)
	assert.True(t, equal(u, same))
}

func TestWhatTheJavaScriptSDKLeavesOutIsReadToo(t *testing.T) {
	for name, in := range map[string]struct {
		item string
		want User
	}{
		"after its revocation": {
			`{"id_token": "i", "session_state": null, "access_token": "a", "refresh_token": null, "token_type": "Bearer", "profile": {"sub": "alice", "sid": "s1"}, "expires_at": 1}`,
			User{Subject: "alice", SID: "s1", IDToken: "i", AccessToken: "a", TokenType: "Bearer", TokenExpiry: time.Unix(1, 0).UTC()},
		},
		"of loginWithPKCEFlow": {
			fmt.Sprintf(`{"id_token": %q, "access_token": "a", "token_type": "Bearer", "profile": {"sub": "alice"}}`, idToken(map[string]any{"sub": "alice", "sid": "s1"})),
			User{Subject: "alice", SID: "s1", IDToken: idToken(map[string]any{"sub": "alice", "sid": "s1"}), AccessToken: "a", TokenType: "Bearer"},
		},
		"with a time that makes no sense": {
			`{"access_token": "a", "token_type": "Bearer", "profile": {"sub": "alice"}, "expires_at": 1e300}`,
			User{Subject: "alice", AccessToken: "a", TokenType: "Bearer"},
		},
	} {
		got, err := parseUser(in.item)
		require.NoError(t, err, name)
		assert.True(t, equal(in.want, got), name)
	}
}

func TestAnIDTokenThatCannotBeReadIsRefused(t *testing.T) {
	for _, token := range []string{"", "secret", "secret.secret.secret", "e30.e30.e30", idToken(map[string]any{"sub": 1}), idToken(map[string]any{"sub": ""})} {
		u := alice(now)
		u.IDToken = token
		f := newFake()
		_, err := f.open(t, options()).SaveUser(t.Context(), u)
		require.EqualError(t, err, "storage/localstorage: User.IDToken is not a JWT with a sub")
		assert.Empty(t, f.items)
	}
}

func TestAUserShowsNothing(t *testing.T) {
	u := alice(now)
	u.Extra = []byte("secret extra")
	shown, err := json.Marshal(u)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("hello", "user", u)
	for _, text := range []string{
		fmt.Sprint(u), fmt.Sprintf("%v %+v %#v %s %x %d", u, u, u, u, u, u), fmt.Sprintf("%+v", &u),
		u.String(), string(shown), log.String(),
	} {
		assert.Contains(t, text, "[redacted]")
		for _, secret := range []string{u.IDToken, u.AccessToken, u.RefreshToken, "secret", "alice"} {
			assert.NotContains(t, text, secret)
			assert.NotContains(t, text, fmt.Sprintf("%x", secret))
		}
	}
}

// Whatever stands there is no user, or one who is the same after being stored.
func FuzzParseUser(f *testing.F) {
	f.Add(golden(f))
	f.Add(`{"id_token": "e30.eyJzdWIiOiJhIn0.", "access_token": "a", "profile": {"sub": "a"}, "expires_at": -1.5}`)
	f.Add(`{"profile": {"sub": "a"}}`)
	f.Fuzz(func(t *testing.T, item string) {
		u, err := parseUser(item)
		if err != nil {
			assert.Equal(t, errDamaged, err)
			return
		}
		assert.NotEmpty(t, u.Subject)
		again, formatted, err := formatUser(u)
		if err != nil {
			return // without an ID token it can only stay as it is
		}
		parsed, err := parseUser(again)
		require.NoError(t, err)
		assert.True(t, equal(formatted, parsed))
	})
}
