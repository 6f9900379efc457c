package passporttest

const backChannelEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutTokenLifetime is what Auth0 uses, and the most that OpenID Connect
// Back-Channel Logout 1.0 §2.4 recommends.
const logoutTokenLifetime = 120 // seconds

// LogoutToken is what to put into a logout token.
type LogoutToken struct {
	// ClientID is the audience. Empty: the first of [Options.Clients].
	ClientID string

	// Subject and SID are the sub and sid claims. An empty one is left out. A valid
	// token has at least one of them.
	Subject string
	SID     string

	// Edit, unless nil, may change the JOSE header and the claims before the token
	// is signed. The resulting alg decides about the signature: with "none" there
	// is none, with "HS256" the public key is the HMAC secret (the classic key
	// confusion), and with any other value it is RS256.
	Edit func(header, claims map[string]any)

	// ForeignKey signs with a key that the auth domain does not publish.
	ForeignKey bool
}

// SignLogoutToken returns a logout token in Auth0's form (OpenID Connect Back-Channel
// Logout 1.0 §2.4): typ is JWT, aud is a string, and it is valid for two minutes. Send
// it with [AuthDomain.SendLogoutToken]. SignLogoutToken panics if the result of Edit
// cannot be encoded as JSON.
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
