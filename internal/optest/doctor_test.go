package optest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// doctors are what passport doctor has to find out at each provider.
var doctors = map[string]func(*testing.T, start){
	"the doctor finds nothing wrong in redirect mode":     soundSite,
	"the doctor finds nothing wrong with a secret":        soundConfidentialSite,
	"the doctor finds a redirect URI that is missing":     missingRedirectURI,
	"the doctor finds a logout URI that is missing":       missingLogoutURI,
	"the doctor finds a client that does not exist":       unknownClient,
	"the doctor finds a wrong secret":                     wrongSecret,
	"the doctor finds nothing wrong with a silent logout": soundSilentSite,
}

// pushed are what it has to find out where requests go ahead of the browser (RFC 9126).
var pushed = map[string]func(*testing.T, start){
	"the doctor finds nothing wrong with pushed requests": func(t *testing.T, start start) {
		assert.Empty(t, diagnose(t, newSite(t, start, setup{configuration: pushOnly}), nil))
	},
	"the doctor finds a redirect URI that is missing, by a pushed request": func(t *testing.T, start start) {
		s := newSite(t, start, setup{configuration: pushOnly})
		got := diagnose(t, s, func(c *passport.Config) { c.RedirectURI = s.one.url + "/elsewhere" })
		assert.Contains(t, got, "login.refused")
		assert.NotContains(t, got, "logout-uri.unregistered")
	},
	"the doctor finds a wrong secret, by a pushed request": func(t *testing.T, start start) {
		s := newSite(t, start, setup{configuration: pushOnly, secret: doctorSecret})
		got := diagnose(t, s, func(c *passport.Config) { c.ClientSecret = "another" })
		assert.Contains(t, got, "client.refused")
	},
}

var pushOnly = map[string]any{
	"features": map[string]any{"pushedAuthorizationRequests": map[string]any{
		"enabled": true, "requirePushedAuthorizationRequests": true,
	}},
}

// configOf is the configuration of a site's first instance, as text would have it.
func configOf(s *site, change func(*passport.Config)) passport.Config {
	c := passport.Config{
		Discover: true, Issuer: s.provider.issuer, ClientID: clientID,
		RedirectURI: s.one.url + "/redirect", LogoutRedirectURI: s.one.url + "/", CookieName: "one",
	}
	if change != nil {
		change(&c)
	}
	return c
}

// diagnose has the program find out what is wrong with a site, and returns the IDs of
// what it finds.
func diagnose(t *testing.T, s *site, change func(*passport.Config)) []string {
	t.Helper()
	examine := exec.CommandContext(t.Context(), "go", "run", "github.com/passport-go/passport/cmd/passport", "doctor", "-json", configFile(t, configOf(s, change)))
	var said strings.Builder
	examine.Stderr = &said
	out, _ := examine.Output() // it fails if there is something to find
	var report struct {
		Findings []struct{ ID, Seen string }
	}
	require.NoError(t, json.Unmarshal(out, &report), "%s", &said)
	ids := []string{}
	for _, f := range report.Findings {
		t.Logf("%s: %s", f.ID, f.Seen)
		ids = append(ids, f.ID)
	}
	return ids
}

// configFile writes a configuration to a file, with its secret.
func configFile(t *testing.T, c passport.Config) string {
	t.Helper()
	text, err := json.Marshal(c)
	require.NoError(t, err)
	fields := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &fields))
	fields["client_secret"] = c.ClientSecret.Reveal()
	text, err = json.Marshal(fields)
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	return name
}

func soundSite(t *testing.T, start start) {
	assert.Empty(t, diagnose(t, newSite(t, start, setup{}), nil))
}

const doctorSecret = "s3cret: 100% + /=&?~"

func soundConfidentialSite(t *testing.T, start start) {
	s := newSite(t, start, setup{secret: doctorSecret})
	assert.Empty(t, diagnose(t, s, func(c *passport.Config) { c.ClientSecret = doctorSecret }))
}

func soundSilentSite(t *testing.T, start start) {
	silent := func(c *passport.Config) {
		c.LogoutMode, c.LogoutRedirectURI = passport.LogoutSilent, c.LogoutRedirectURI+"silent-logout"
	}
	got := diagnose(t, newSite(t, start, setup{config: silent}), silent)
	assert.Empty(t, got)
}

func missingRedirectURI(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	got := diagnose(t, s, func(c *passport.Config) { c.RedirectURI = s.one.url + "/elsewhere" })
	assert.Contains(t, got, "redirect-uri.unregistered")
	assert.NotContains(t, got, "client.unknown")
	assert.NotContains(t, got, "logout-uri.unregistered")
}

func missingLogoutURI(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	got := diagnose(t, s, func(c *passport.Config) { c.LogoutRedirectURI = s.one.url + "/elsewhere" })
	assert.Contains(t, got, "logout-uri.unregistered")
	assert.NotContains(t, got, "client.unknown")
	assert.NotContains(t, got, "redirect-uri.unregistered")
}

func unknownClient(t *testing.T, start start) {
	s := newSite(t, start, setup{})
	got := diagnose(t, s, func(c *passport.Config) { c.ClientID = "nobody" })
	assert.Contains(t, got, "client.unknown")
}

func wrongSecret(t *testing.T, start start) {
	s := newSite(t, start, setup{secret: doctorSecret})
	got := diagnose(t, s, func(c *passport.Config) { c.ClientSecret = "another" })
	assert.Equal(t, []string{"client.refused"}, got)
}
