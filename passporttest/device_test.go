package passporttest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// device is a program that has asked for a code.
type device struct {
	*party
	code, userCode, page string
}

func (p *party) device() *device {
	p.t.Helper()
	resp, answer := post(p.t, p.auth.Client(), p.auth.URL+"/oauth/device/code", url.Values{
		"client_id": {passporttest.ClientID}, "scope": {"openid email offline_access"}, "audience": {"platform_api"},
	})
	require.Equal(p.t, http.StatusOK, resp.StatusCode)
	d := &device{party: p}
	d.code, _ = answer["device_code"].(string)
	d.userCode, _ = answer["user_code"].(string)
	d.page, _ = answer["verification_uri_complete"].(string)
	require.Equal(p.t, p.auth.URL+"/activate", answer["verification_uri"])
	require.Regexp(p.t, "^[B-Z]{4}-[B-Z]{4}$", d.userCode)
	return d
}

// ask asks whether the user is done.
func (d *device) ask() (*http.Response, map[string]any) {
	d.t.Helper()
	return post(d.t, d.auth.Client(), d.auth.URL+"/oauth/token", url.Values{
		"grant_type": {deviceGrant}, "device_code": {d.code}, "client_id": {passporttest.ClientID},
	})
}

func (d *device) decide(form url.Values) (*http.Response, string) {
	d.t.Helper()
	form.Set("user_code", d.userCode)
	resp, err := d.browser.PostForm(d.auth.URL+"/activate", form)
	require.NoError(d.t, err)
	return resp, body(d.t, resp)
}

// unhurried is an auth domain that any device may ask as often as it likes.
func unhurried(o passporttest.Options) passporttest.Options {
	o.DeviceInterval = 1
	return o
}

func TestADeviceIsSignedInWhenItsUserAllowsIt(t *testing.T) {
	p := newParty(t, start(t, unhurried(passporttest.Options{Users: []passporttest.User{alice, bob}})))
	d := p.device()
	resp, answer := d.ask()
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	assert.Equal(t, "authorization_pending", answer["error"])

	text := body(t, p.visit(d.page))
	assert.Contains(t, text, d.userCode)
	assert.Contains(t, text, bob.Email)
	_, text = d.decide(url.Values{"user": {bob.Subject}})
	assert.Contains(t, text, "Your device is signed in")

	resp, answer = d.ask()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	claims := claimsOf(t, answer["id_token"])
	assert.Equal(t, bob.Subject, claims["sub"])
	assert.NotContains(t, claims, "nonce")
	assert.Equal(t, p.auth.Sessions()[0].SID, claims["sid"])
	assert.Contains(t, claimsOf(t, answer["access_token"])["aud"], "platform_api")
	assert.Len(t, p.auth.RefreshTokens(passporttest.Live), 1)
	assert.Equal(t, []string{passporttest.ClientID}, p.auth.Sessions()[0].ClientIDs)

	_, answer = d.ask()
	assert.Equal(t, "invalid_grant", answer["error"], "it is good for one login")
}

func TestWhoIsSignedInAllowsADeviceAtTheirOwnName(t *testing.T) {
	for name, o := range map[string]passporttest.Options{
		"with a session": {Users: []passporttest.User{alice, bob}},
		"by itself":      {Users: []passporttest.User{alice, bob}, AutoLogin: true},
	} {
		p := newParty(t, start(t, unhurried(o)))
		if name == "with a session" {
			p.device().decide(url.Values{"user": {alice.Subject}})
		}
		d := p.device()
		text := body(t, p.visit(d.page))
		assert.Contains(t, text, "alice", name)
		assert.NotContains(t, text, bob.Email, name)
		d.decide(url.Values{"allow": {"1"}})
		_, answer := d.ask()
		assert.Equal(t, alice.Subject, claimsOf(t, answer["id_token"])["sub"], name)
		assert.Equal(t, 1, p.auth.Logins(), name)
	}
}

func TestACodeMayBeTypedAsPeopleType(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{}))
	d := p.device()
	typed := strings.ToLower(strings.ReplaceAll(d.userCode, "-", " "))
	text := body(t, p.visit(p.auth.URL+"/activate?"+url.Values{"user_code": {typed}}.Encode()))
	assert.Contains(t, text, "Is this your device?")
}

func TestADeviceThatIsNotAllowedHearsWhy(t *testing.T) {
	now := newClock()
	p := newParty(t, start(t, unhurried(passporttest.Options{Now: now.Now})))
	denied, late := p.device(), p.device()
	denied.decide(url.Values{"deny": {"1"}})
	_, answer := denied.ask()
	assert.Equal(t, "access_denied", answer["error"])

	now.advance(15 * time.Minute)
	_, answer = late.ask()
	assert.Equal(t, "expired_token", answer["error"])
	resp, _ := late.decide(url.Values{"user": {passporttest.DefaultUser().Subject}})
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Empty(t, p.auth.Sessions())
}

func TestADeviceThatAsksTooOftenIsToldToSlowDown(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{DeviceInterval: time.Hour}))
	d := p.device()
	_, answer := d.ask()
	assert.Equal(t, "authorization_pending", answer["error"])
	resp, answer := d.ask()
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
	assert.Equal(t, "slow_down", answer["error"])
}

func TestTheActivationPageIsNotToBeFooled(t *testing.T) {
	p := newParty(t, start(t, unhurried(passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: passporttest.ClientID, AnyLoopback: true}, {ID: "other", AnyLoopback: true},
	}})))
	d := p.device()
	assert.Equal(t, "DENY", p.visit(d.page).Header.Get("X-Frame-Options"))
	assert.Contains(t, body(t, p.visit(p.auth.URL+"/activate?user_code=%3Cscript%3E")), "&lt;script&gt;")

	req, err := http.NewRequest(http.MethodPost, p.auth.URL+"/activate",
		strings.NewReader(url.Values{"user_code": {d.userCode}, "allow": {"1"}}.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := p.browser.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	resp, _ = d.decide(url.Values{"user": {"nobody"}})
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Empty(t, p.auth.Sessions())

	d.decide(url.Values{"allow": {"1"}})
	_, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/token", url.Values{
		"grant_type": {deviceGrant}, "device_code": {d.code}, "client_id": {"other"},
	})
	assert.Equal(t, "invalid_grant", answer["error"], "the code is another client's")
	_, answer = d.ask()
	assert.NotEmpty(t, answer["id_token"])
}

func TestAnUnknownClientGetsNoDeviceCode(t *testing.T) {
	p := newParty(t, start(t, passporttest.Options{}))
	resp, answer := post(t, p.auth.Client(), p.auth.URL+"/oauth/device/code", url.Values{"client_id": {"nobody"}})
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	assert.Equal(t, "invalid_client", answer["error"])
}
