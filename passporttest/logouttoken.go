package passporttest

const backChannelEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutTokenLifetime is what Auth0 uses, and the most that OpenID Connect
// Back-Channel Logout 1.0 §2.4 recommends.
const logoutTokenLifetime = 120 // seconds

// LogoutToken says what is to stand in a logout token.
type LogoutToken struct {
	// ClientID is the audience. Empty: the first of [Options.Clients].
	ClientID string

	// Subject and SID are the sub and sid claims; one that is empty is left
	// out. A valid token has at least one of them.
	Subject string
	SID     string

	// Edit, unless nil, changes the JOSE header and the claims before the
	// token is signed, in whatever way. The alg that it leaves in the header
	// decides about the signature: "none" means that there is none, "HS256"
	// that the public key was taken for an HMAC secret (the classic confusion
	// of keys); under any other name it is RS256.
	Edit func(header, claims map[string]any)

	// ForeignKey signs with a key that the auth domain does not publish.
	ForeignKey bool
}

// SignLogoutToken returns a logout token as Auth0 makes them (OpenID Connect
// Back-Channel Logout 1.0 §2.4): typ JWT, aud a string, and two minutes to live.
// [AuthDomain.SendLogoutToken] sends it. It panics if Edit leaves something
// that is not JSON.
func (d *AuthDomain) SignLogoutToken(t LogoutToken) string {
	key := d.keys.current()
	header := jwtHeader(key)
	claims := d.logoutClaims(t)
	if t.Edit != nil {
		t.Edit(header, claims)
	}
	if t.ForeignKey {
		key = foreignKey()
	}
	return signJWT(key, header, claims)
}

func (d *AuthDomain) logoutClaims(t LogoutToken) map[string]any {
	if t.ClientID == "" {
		t.ClientID = d.options.Clients[0].ID
	}
	now := d.now().Unix()
	claims := map[string]any{
		"iss":      d.Issuer(),
		"aud":      t.ClientID,
		"iat":      now,
		"exp":      now + logoutTokenLifetime,
		"jti":      randomID(),
		"events":   map[string]any{backChannelEvent: map[string]any{}},
		"trace_id": randomID(), // receivers must ignore what they do not know
	}
	setIfNotEmpty(claims, "sub", t.Subject)
	setIfNotEmpty(claims, "sid", t.SID)
	return claims
}
