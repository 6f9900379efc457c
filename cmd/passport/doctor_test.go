package main

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/cmd/passport/internal/doctor"
	"github.com/passport-go/passport/passporttest"
)

// program is one in redirect mode. Its redirect URI is registered or not, and logout
// URIs beside its own.
func program(t *testing.T, registered bool, logoutURLs ...string) passport.Config {
	t.Helper()
	mux := http.NewServeMux()
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	client := passporttest.Client{ID: "shop", LogoutURLs: append(logoutURLs, app.URL+"/")}
	if registered {
		client.RedirectURIs = []string{app.URL + "/redirect"}
	}
	auth := passporttest.NewServer(passporttest.Options{Clients: []passporttest.Client{client}})
	t.Cleanup(auth.Close)
	config := passport.Config{ClientID: "shop", AuthDomain: auth.URL, RedirectURI: app.URL + "/redirect", LogoutRedirectURI: app.URL + "/"}
	p, err := passport.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(t.Context())) })
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("/logout", p.Logout)
	mux.Handle("GET /{$}", p.Handler(http.NotFoundHandler()))
	return config
}

func TestTheDoctorsExitCodeAndReport(t *testing.T) {
	sound := call(t, "", "doctor", newFile(t, program(t, true)))
	assert.Equal(t, result{exitOK, "0 problems, 0 warnings, 0 notes\n", ""}, sound)

	file := newFile(t, program(t, false))
	broken := call(t, "", "doctor", file)
	assert.Equal(t, exitFailed, broken.code)
	assert.Contains(t, broken.out, "PROBLEM redirect-uri.unregistered\n  seen:   the provider answers 400 to http://127.0.0.1:")
	assert.Contains(t, broken.out, "1 problem, 0 warnings, 0 notes\n")

	var report doctor.Report
	inJSON := call(t, "", "doctor", "-json", file)
	assert.Equal(t, exitFailed, inJSON.code)
	require.NoError(t, json.Unmarshal([]byte(inJSON.out), &report))
	require.Len(t, report.Findings, 1)
	assert.Equal(t, "redirect-uri.unregistered", report.Findings[0].ID)

	assert.JSONEq(t, `{"findings":[]}`, call(t, "", "doctor", "-json", newFile(t, program(t, true))).out)
}

// A program and its store write parts of a finding, and a terminal obeys what it reads.
func TestAReportDoesNotSteerTheTerminal(t *testing.T) {
	const steering = "\x1b]0;x\a\u009b2J\u202e\u2028\n"
	report := doctor.Report{Findings: []doctor.Finding{{ID: "a.b", Severity: doctor.Note, Seen: "one" + steering, Why: "two" + steering, Remedy: "three" + steering}}}
	var b strings.Builder
	require.NoError(t, printReport(&b, report, false))
	assert.Equal(t, "NOTE a.b\n  seen:   one]0;x2J\n  why:    two]0;x2J\n  remedy: three]0;x2J\n\n0 problems, 0 warnings, 1 note\n", b.String())
}

func TestTheDoctorTakesTheEnvironment(t *testing.T) {
	config := program(t, true)
	for name, value := range map[string]string{
		"CLIENT_ID": config.ClientID, "AUTH_DOMAIN": config.AuthDomain, "REDIRECT_URI": config.RedirectURI, "LOGOUT_REDIRECT_URI": config.LogoutRedirectURI,
	} {
		t.Setenv("PASSPORT_"+name, value)
	}
	assert.Equal(t, exitOK, call(t, "", "doctor").code)
}

func TestAConfigurationThatCannotBeUsedIsAProblem(t *testing.T) {
	for _, content := range []string{`{"client":"x"}`, `{"client_id":"x"}`, "no JSON"} {
		got := call(t, "", "doctor", newFile(t, content))
		assert.Equal(t, exitFailed, got.code)
		assert.Contains(t, got.out, "PROBLEM config.invalid")
	}
	assert.Equal(t, exitBadUsage, call(t, "", "doctor", "-timeout", "0s").code)
	assert.Equal(t, exitBadUsage, call(t, "", "doctor", "-ca", newFile(t, "no PEM")).code)
}

// A warning alone: a script may go on after it.
func TestAWarningHasAnExitCodeOfItsOwn(t *testing.T) {
	got := call(t, "", "doctor", newFile(t, program(t, true, "https://passport-doctor.invalid/not-registered")))
	assert.Equal(t, exitRefused, got.code)
	assert.Contains(t, got.out, "WARNING logout-uri.any")
}

func TestTheDoctorTrustsAPrivateAuthority(t *testing.T) {
	auth := passporttest.NewServer(passporttest.Options{TLS: true})
	t.Cleanup(auth.Close)
	file := newFile(t, passport.Config{ClientID: passporttest.ClientID, AuthDomain: auth.URL, RedirectURI: "http://127.0.0.1/callback"})
	assert.Contains(t, call(t, "", "doctor", "-provider", file).out, "PROBLEM tls.untrusted")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: auth.Certificate().Raw})
	got := call(t, "", "doctor", "-provider", "-ca", newFile(t, string(certificate)), file)
	assert.NotContains(t, got.out, "tls.untrusted")
	assert.NotEqual(t, exitFailed, got.code, got.out)
}
