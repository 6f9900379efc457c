package passporttest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The device flow (RFC 8628): a program without a browser asks for a code at
// /oauth/device/code, its user enters it at /activate in a browser elsewhere,
// and the program asks at /oauth/token whether that has happened.

const (
	activatePath    = "/activate"
	deviceGrantType = "urn:ietf:params:oauth:grant-type:device_code"
)

// deviceCode is one such login.
type deviceCode struct {
	grant           // without a user until one allows it
	userCode string // without its hyphen
	expires  time.Time
	asked    time.Time // when the program last polled, by the system's clock
	state    deviceState
}

type deviceState int

const (
	deviceWaits deviceState = iota
	deviceAllowed
	deviceDenied
	deviceUsed
)

// deviceAuthorization begins one (RFC 8628 §3.1).
func (d *AuthDomain) deviceAuthorization(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	client, err := d.authenticate(r)
	if err != nil {
		writeError(w, err)
		return
	}
	value, userCode := randomID(), newUserCode()
	d.db.addDevice(value, &deviceCode{
		grant:    grant{clientID: client.ID, scope: r.PostForm.Get("scope"), audience: r.PostForm.Get("audience")},
		userCode: userCode,
		expires:  d.now().Add(d.options.DeviceCodeLifetime),
	})
	page := d.endpoint(activatePath)
	shown := userCode[:4] + "-" + userCode[4:]
	writeJSON(w, http.StatusOK, map[string]any{
		"device_code":               value,
		"user_code":                 shown,
		"verification_uri":          page,
		"verification_uri_complete": page + "?" + url.Values{"user_code": {shown}}.Encode(),
		"expires_in":                int(d.options.DeviceCodeLifetime.Seconds()),
		"interval":                  int(d.options.DeviceInterval.Seconds()),
	})
}

// newUserCode makes a code of letters that cannot spell words (RFC 8628 §6.1).
func newUserCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	code := make([]byte, 8)
	_, _ = rand.Read(code) // never fails
	for i, b := range code {
		code[i] = letters[int(b)%len(letters)]
	}
	return string(code)
}

// typedCode normalizes a code that a user has typed.
func typedCode(text string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(text))
}

// exchangeDevice answers a poll of the device (RFC 8628 §3.4).
func (d *AuthDomain) exchangeDevice(r *http.Request, client Client) (map[string]any, *oauthError) {
	now := d.now()
	g, refreshToken, err := d.db.redeemDevice(r.PostForm.Get("device_code"), client.ID, now,
		expiry(now, d.options.RefreshTokenLifetime), d.options.DeviceInterval)
	if err != nil {
		return nil, err
	}
	answer := d.tokens(r, g)
	setIfNotEmpty(answer, "refresh_token", refreshToken)
	return answer, nil
}

func (db *database) addDevice(value string, c *deviceCode) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.devices == nil {
		db.devices = make(map[string]*deviceCode)
	}
	db.devices[value] = c
}

// device returns the grant of a user code that is yet to be decided on.
func (db *database) device(userCode string, now time.Time) (grant, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	c, ok := db.waitingDevice(userCode, now)
	if !ok {
		return grant{}, false
	}
	return c.grant, true
}

// decideDevice records that the user of a session has allowed a code's login; the zero
// Session refuses it. Only the first decision counts.
func (db *database) decideDevice(userCode string, now time.Time, s Session) {
	db.mu.Lock()
	defer db.mu.Unlock()
	c, ok := db.waitingDevice(userCode, now)
	switch {
	case !ok:
	case s.SID == "":
		c.state = deviceDenied
	default:
		c.state = deviceAllowed
		c.user, c.sid, c.authTime = s.User, s.SID, s.AuthTime
	}
}

// waitingDevice finds a code that is yet to be decided on. The caller holds the lock.
func (db *database) waitingDevice(userCode string, now time.Time) (*deviceCode, bool) {
	for _, c := range db.devices {
		if c.userCode == userCode && c.state == deviceWaits && !expired(c.expires, now) {
			return c, true
		}
	}
	return nil, false
}

// redeemDevice uses up a device code if its user has allowed it. A program that polls
// twice within half the interval is told to slow down. That is measured by the system's
// clock, by which the program waits.
func (db *database) redeemDevice(value, clientID string, now, tokenExpires time.Time, interval time.Duration) (grant, string, *oauthError) {
	db.mu.Lock()
	defer db.mu.Unlock()
	c, ok := db.devices[value]
	if !ok || c.clientID != clientID || c.state == deviceUsed {
		return grant{}, "", &oauthError{"invalid_grant", "Invalid or expired device code."}
	}
	hasty := time.Since(c.asked) < interval/2
	c.asked = time.Now()
	switch {
	case expired(c.expires, now):
		return grant{}, "", &oauthError{"expired_token", "The device code has expired."}
	case c.state == deviceDenied:
		return grant{}, "", &oauthError{"access_denied", "The user cancelled the login."}
	case hasty:
		return grant{}, "", &oauthError{"slow_down", "You are polling faster than the interval."}
	case c.state == deviceWaits:
		return grant{}, "", &oauthError{"authorization_pending", "The user has yet to allow the login."}
	}
	c.state = deviceUsed
	db.joinSession(c.sid, c.clientID)
	if !hasScope(c.scope, "offline_access") {
		return c.grant, "", nil
	}
	return c.grant, db.add(c.grant, randomID(), tokenExpires), nil
}
