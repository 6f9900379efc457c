package passport_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func TestALogoutReturnShowsNothingOfItsQuery(t *testing.T) {
	callback := passport.LogoutReturn{Query: url.Values{"code": {"the code"}, "state": {"the state"}}}
	encoded, err := json.Marshal(map[string]any{"callback": callback})
	require.NoError(t, err)
	for _, text := range append(printed(callback), string(encoded)) {
		assert.NotContains(t, text, "the ")
		assert.Contains(t, text, "passport.LogoutReturn")
	}
}

func TestALogoutShowsItsAccountAndNoHint(t *testing.T) {
	logout := passport.Logout{
		Mode: passport.LogoutRedirect, URL: "https://auth.example.com/oidc/logout?id_token_hint=token",
		App: passport.OutcomeDone, Passport: passport.OutcomeUnconfirmed, Ended: 3,
	}
	for _, text := range printed(logout) {
		assert.NotContains(t, text, "token")
		for _, told := range []string{"redirect", "https://auth.example.com/oidc/logout", "done", "unconfirmed", "3"} {
			assert.Contains(t, text, told)
		}
	}
	encoded, err := json.Marshal(logout)
	require.NoError(t, err)
	assert.Contains(t, string(encoded), "id_token_hint=token", "a program may hand it to its page")
}

// printed is v in all the ways in which it may get into a log.
func printed(v any) []string {
	var text, lines bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("", "v", v)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("", "v", v)
	all := []string{text.String(), lines.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		all = append(all, fmt.Sprintf(verb, v), fmt.Sprintf(verb, []any{v}))
	}
	return all
}

func TestASecretIsNotEncoded(t *testing.T) {
	type holder struct {
		Token passport.Secret
		List  []passport.Secret
		By    map[string]passport.Secret
	}
	h := holder{"hush", []passport.Secret{"hush"}, map[string]passport.Secret{"a": "hush"}}
	var text bytes.Buffer
	require.NoError(t, gob.NewEncoder(&text).Encode(h))
	assert.NotContains(t, text.String(), "hush")
	var back holder
	require.NoError(t, gob.NewDecoder(&text).Decode(&back))
	assert.Equal(t, "[redacted]", back.Token.Reveal())

	encoded, err := json.Marshal(h)
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), "hush")
	for _, shown := range printed(h) {
		assert.NotContains(t, shown, "hush")
	}
}

// A provider may get the request ahead of the browser (RFC 9126), and then the address
// does not have the state.
func TestABrowserStateKnowsTheReturnFromTheLoginThatWasBegunWithIt(t *testing.T) {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, RequirePushedRequests: true})
	t.Cleanup(auth.Close)
	p, err := passport.New(passport.Config{
		ClientID: passporttest.ClientID, Discover: true, Issuer: auth.Issuer(), RedirectURI: "http://localhost:3000/redirect",
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(t.Context())) })
	address, first, err := p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	_, second, err := p.BeginLogin(t.Context(), first, passport.LoginOptions{})
	require.NoError(t, err)
	assert.Equal(t, first.Logins, second.Logins, "the bindings do not tell them apart")

	response := responseTo(t, auth, address)
	assert.True(t, first.IsLoginReturn(response))
	assert.False(t, second.IsLoginReturn(response))
	assert.False(t, first.IsLoginReturn(url.Values{"state": {""}, "code": response["code"]}))
	assert.False(t, passport.BrowserState{Logins: first.Logins}.IsLoginReturn(response), "it was stored")
	assert.False(t, passport.BrowserState{}.IsLoginReturn(url.Values{}))

	_, after, err := p.FinishLogin(t.Context(), first, response)
	require.NoError(t, err)
	assert.False(t, after.IsLoginReturn(response), "it is finished")
}

// responseTo visits a login's address, and returns the query that the browser comes
// back with.
func responseTo(t *testing.T, auth *passporttest.Server, address string) url.Values {
	t.Helper()
	browser := auth.Browser()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := browser.Get(address)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	to, err := res.Location()
	require.NoError(t, err)
	return to.Query()
}
