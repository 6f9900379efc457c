package passporttest

const backChannelEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutToken says what a logout token is to be about.
type LogoutToken struct {
	ClientID string
	Subject  string
	SID      string
}

// LogoutToken returns a signed logout token.
func (d *AuthDomain) LogoutToken(t LogoutToken) string {
	now := d.now()
	claims := map[string]any{
		"iss":    d.Issuer(),
		"aud":    t.ClientID,
		"iat":    now.Unix(),
		"exp":    now.Unix() + 120,
		"jti":    randomID(),
		"events": map[string]any{backChannelEvent: map[string]any{}},
	}
	setIfNotEmpty(claims, "sub", t.Subject)
	setIfNotEmpty(claims, "sid", t.SID)
	return d.sign(claims)
}
