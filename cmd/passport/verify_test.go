package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// signedIn is the ID token and the access token of a login at a stand-in, the
// configuration that it was made with, and the logout token that ended it.
func signedIn(t *testing.T) (auth *passporttest.Server, config passport.Config, id, access, logout string) {
	t.Helper()
	backChannel := make(chan string, 1)
	mux := http.NewServeMux()
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	auth = passporttest.NewServer(passporttest.Options{
		AutoLogin: true,
		Clients:   []passporttest.Client{{ID: "shop", AnyLoopback: true, BackChannelLogoutURI: app.URL + "/ended"}},
	})
	t.Cleanup(auth.Close)
	config = passport.Config{ClientID: "shop", AuthDomain: auth.URL, RedirectURI: app.URL + "/redirect"}
	p, err := passport.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(t.Context())) })
	mux.HandleFunc("/login", p.Login)
	mux.HandleFunc("/redirect", p.LoginCallback)
	mux.HandleFunc("/ended", func(_ http.ResponseWriter, r *http.Request) { backChannel <- r.PostFormValue("logout_token") })
	mux.HandleFunc("/{$}", func(_ http.ResponseWriter, r *http.Request) {
		session := passport.SessionFrom(r.Context())
		token, err := session.IDToken(r.Context())
		assert.NoError(t, err)
		id = token.Reveal()
		token, err = session.AccessToken(r.Context())
		assert.NoError(t, err)
		access = token.Reveal()
	})
	app.Config.Handler = p.Handler(mux)
	res, err := auth.Browser().Get(app.URL + "/login")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.NotEmpty(t, id)
	require.True(t, auth.EndSession(auth.Sessions()[0].SID))
	return auth, config, id, access, <-backChannel
}

func TestVerifyTellsWhatIsAcceptedAndWhyNot(t *testing.T) {
	auth, config, id, access, logout := signedIn(t)
	file := newFile(t, config)
	for what, token := range map[string]string{"an id token": id, "an access token": access, "a logout token": logout} {
		got := call(t, token+"\n", "verify", "-config", file)
		assert.Equal(t, exitOK, got.code, got.err)
		assert.Contains(t, got.err, "accepted: "+what)
		assert.Contains(t, got.out, `"iss": "`+auth.Issuer()+`"`)
		assert.Equal(t, got, call(t, "Bearer "+token, "verify", "-config", file))
		assert.Equal(t, got, call(t, "", "verify", "-config", file, newFile(t, token)))
		assert.NotContains(t, got.out+got.err, token[strings.LastIndex(token, "."):], "the signature makes the token")

		forged := token[:len(token)-6] + "AAAAAA"
		got = call(t, forged, "verify", "-config", file)
		assert.Equal(t, exitRefused, got.code, got.err)
		assert.Contains(t, got.err, "refused: ")
		assert.Contains(t, got.out, `"iss"`)
	}

	config.ClientID, config.Audience = "another", "elsewhere"
	got := call(t, access, "verify", "-config", newFile(t, config))
	assert.Equal(t, exitRefused, got.code)
	assert.Contains(t, got.err, `Config.Audience (of access tokens) is "elsewhere"`)
}

const aToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"

func TestVerifyTakesNoTokenFromTheCommandLine(t *testing.T) {
	for _, argument := range []string{aToken, "Bearer " + aToken, " bearer  " + aToken, "Bearer opaque"} {
		got := call(t, "", "verify", argument)
		assert.Equal(t, exitBadUsage, got.code, argument)
		assert.Contains(t, got.err, "visible to others", argument)
	}
}

func TestTheClaimsDoNotSteerTheTerminal(t *testing.T) {
	config := newFile(t, passport.Config{ClientID: "shop", RedirectURI: "http://localhost:3000/redirect"})
	claims := base64.RawURLEncoding.EncodeToString([]byte("{\"name\":\"a\u009b2J\u202eb\"}"))
	got := call(t, "eyJhbGciOiJSUzI1NiJ9."+claims+".c2ln", "verify", "-config", config)
	assert.Equal(t, exitRefused, got.code)
	assert.Contains(t, got.out, `"name": "a2Jb"`)
}

func TestVerifyThatCannotKnow(t *testing.T) {
	auth, config, id, access, logout := signedIn(t)
	auth.Close()
	for _, token := range []string{id, access, logout} {
		got := call(t, token, "verify", "-config", newFile(t, config))
		assert.Equal(t, exitFailed, got.code)
		assert.Contains(t, got.err, "not known: ")
	}
	assert.Equal(t, exitFailed, call(t, id, "verify", "-config", newFile(t, `{"client":"x"}`)).code)
	assert.Equal(t, exitFailed, call(t, "", "verify", "-config", newFile(t, config)).code)
	assert.Equal(t, exitFailed, call(t, strings.Repeat("x", longestToken+1), "verify", "-config", newFile(t, config)).code)
	assert.Equal(t, exitRefused, call(t, "no token", "verify", "-config", newFile(t, config)).code)
}

func TestWhoTypesATokenIsToldHow(t *testing.T) {
	device, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer device.Close()
	var out, errs bytes.Buffer
	assert.Equal(t, exitFailed, run(t.Context(), terminal{in: device, out: &out, err: &errs}, []string{"verify"}))
	assert.Contains(t, errs.String(), "paste the token")
	assert.NotContains(t, call(t, "", "verify").err, "paste", "it comes from a program")
}

func TestFilesAsWindowsWritesThemAreRead(t *testing.T) {
	_, config, id, _, _ := signedIn(t)
	encoded, err := json.Marshal(config)
	require.NoError(t, err)
	utf16 := func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" }
	for _, as := range []func(string) string{func(s string) string { return "\xef\xbb\xbf" + s }, utf16} {
		file := newFile(t, as(string(encoded)))
		got := call(t, as(id+"\r\n"), "verify", "-config", file)
		assert.Equal(t, exitOK, got.code, got.err)
		got = call(t, "", "verify", "-config", file, newFile(t, as(id)))
		assert.Equal(t, exitOK, got.code, got.err)
	}
}
