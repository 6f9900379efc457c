package passporttest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

// idClaims returns the claims of an ID token as Passport issues it. Claims that the
// scope does not cover are left out (OpenID Connect Core 1.0 §5.4).
func (d *AuthDomain) idClaims(g grant) map[string]any {
	claims := g.user.claims(g.scope)
	claims["iss"] = d.Issuer()
	claims["aud"] = g.clientID
	claims["auth_time"] = g.authTime.Unix()
	claims["sid"] = g.sid
	setIfNotEmpty(claims, "nonce", g.nonce)
	d.setTimes(claims, d.options.IDTokenLifetime)
	return claims
}

// accessClaims returns the claims of an access token as Auth0 issues it: for the
// requested API and, with openid, for /userinfo too.
func (d *AuthDomain) accessClaims(g grant) map[string]any {
	claims := map[string]any{
		"iss":   d.Issuer(),
		"sub":   g.user.Subject,
		"aud":   d.audience(g),
		"azp":   g.clientID,
		"scope": g.scope,
		"jti":   randomID(),
	}
	d.setTimes(claims, d.options.AccessTokenLifetime)
	return claims
}

func (d *AuthDomain) audience(g grant) any {
	userinfo := d.endpoint("/userinfo")
	switch {
	case g.audience == "":
		return userinfo
	case hasScope(g.scope, "openid"):
		return []string{g.audience, userinfo}
	default:
		return g.audience
	}
}

func (d *AuthDomain) setTimes(claims map[string]any, lifetime time.Duration) {
	now := d.now()
	claims["iat"] = now.Unix()
	if lifetime > 0 {
		claims["exp"] = now.Add(lifetime).Unix()
	}
}

// claims returns the claims about the user.
func (u User) claims(scope string) map[string]any {
	claims := map[string]any{"sub": u.Subject}
	if hasScope(scope, "email") {
		setIfNotEmpty(claims, "email", u.Email)
	}
	if hasScope(scope, "profile") {
		setIfNotEmpty(claims, "nickname", u.Nickname)
		setIfNotEmpty(claims, "username", u.Username)
	}
	passport := make(map[string]any)
	setIfNotEmpty(passport, "zkevm_eth_address", u.ZkEVMEthAddress)
	setIfNotEmpty(passport, "zkevm_user_admin_address", u.ZkEVMUserAdminAddress)
	if len(passport) > 0 {
		claims["passport"] = passport
	}
	return claims
}

func setIfNotEmpty(claims map[string]any, name, value string) {
	if value != "" {
		claims[name] = value
	}
}

// userinfo is the UserInfo endpoint (OpenID Connect Core 1.0 §5.3).
func (d *AuthDomain) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		unauthorized(w, "Bearer")
		return
	}
	user, scope, ok := d.accessTokenUser(token)
	if !ok {
		unauthorized(w, `Bearer error="invalid_token"`)
		return
	}
	writeJSON(w, http.StatusOK, user.claims(scope))
}

func unauthorized(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	http.Error(w, "Unauthorized", http.StatusUnauthorized)
}

// accessTokenUser verifies a token that was issued for /userinfo.
func (d *AuthDomain) accessTokenUser(token string) (user User, scope string, ok bool) {
	var claims struct {
		Subject  string       `json:"sub"`
		Audience jwt.Audience `json:"aud"`
		Expiry   int64        `json:"exp"`
		Scope    string       `json:"scope"`
	}
	if err := d.verify(token, &claims); err != nil {
		return User{}, "", false
	}
	if claims.Expiry != 0 && d.now().Unix() >= claims.Expiry {
		return User{}, "", false
	}
	if !slices.Contains(claims.Audience, d.endpoint("/userinfo")) {
		return User{}, "", false
	}
	user, ok = d.options.userBySubject(claims.Subject)
	return user, claims.Scope, ok
}
