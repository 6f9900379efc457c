package passporttest

import (
	"strings"
	"time"
)

// InvalidLogoutTokens returns one logout token for each rule that a receiver
// must check, under a name that says which rule it breaks. They are made from t, but
// its Edit and ForeignKey are ignored. A receiver must answer 400 to each:
//
//	for broken, token := range auth.InvalidLogoutTokens(about) {
//		t.Run(broken, func(t *testing.T) { ... })
//	}
//
// The rules are those of OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6,
// of RFC 7515 and of RFC 8725. A token without exp is not among them, because
// several providers send those.
func (d *AuthDomain) InvalidLogoutTokens(t LogoutToken) map[string]string {
	tokens := d.unsignedOrForged(t)
	t.ForeignKey = false
	for name, edit := range d.invalidEdits() {
		t.Edit = edit
		tokens[name] = d.SignLogoutToken(t)
	}
	return tokens
}

func (d *AuthDomain) unsignedOrForged(t LogoutToken) map[string]string {
	t.Edit, t.ForeignKey = nil, false
	good := d.SignLogoutToken(t)
	t.Subject += "-other"
	other := d.SignLogoutToken(t)
	t.ForeignKey = true
	foreign := d.SignLogoutToken(t)
	idToken := d.logoutClaims(t)
	delete(idToken, "events")
	return map[string]string{
		"empty":                          "",
		"not a JWT":                      "logout",
		"signature missing":              splice(good, good, ""),
		"signature of another token":     splice(good, good, other),
		"payload of another token":       splice(good, other, good),
		"three parts and one more":       good + ".",
		"signed with an unpublished key": foreign,
		"an ID token":                    d.sign(idToken),
	}
}

// splice makes a token from parts of others; "" is an empty part.
func splice(header, payload, signature string) string {
	part := func(token string, i int) string {
		if token == "" {
			return ""
		}
		return strings.Split(token, ".")[i]
	}
	return part(header, 0) + "." + part(payload, 1) + "." + part(signature, 2)
}

// edit is a change to a token before it is signed.
type edit = func(header, claims map[string]any)

type object = map[string]any

func (d *AuthDomain) invalidEdits() map[string]edit {
	now := d.now()
	return map[string]edit{
		"alg none":                        setHeader("alg", "none"),
		"alg None":                        setHeader("alg", "None"),
		"alg HS256 keyed with public key": setHeader("alg", "HS256"),
		"alg is not the signature's":      setHeader("alg", "ES256"),
		"kid is unknown":                  setHeader("kid", "unknown"),
		"typ of an access token":          setHeader("typ", "at+jwt"),
		"crit names an unknown extension": unknownExtension,

		"iss missing":                 drop("iss"),
		"iss is another":              set("iss", "https://other.example/"),
		"iss with other slash at end": set("iss", otherSlash(d.Issuer())),
		"aud missing":                 drop("aud"),
		"aud is another":              set("aud", "another-client"),
		"aud is empty":                set("aud", []string{}),

		"iat missing":            drop("iat"),
		"iat is not a number":    set("iat", "now"),
		"iat lies an hour ahead": issued(now.Add(time.Hour), now),
		"iat lies a year back":   issued(now.AddDate(-1, 0, 0), now),
		"expired":                set("exp", now.Add(-time.Hour).Unix()),
		"exp is not a number":    set("exp", "never"),

		"jti missing":         drop("jti"),
		"jti is empty":        set("jti", ""),
		"jti is not a string": set("jti", 7),

		"events missing":          drop("events"),
		"events is null":          set("events", nil),
		"events is a string":      set("events", backChannelEvent),
		"events is an array":      set("events", []string{backChannelEvent}),
		"events is in other case": rename("events", "Events"),
		"event missing":           set("events", object{}),
		"event is another":        set("events", object{"http://schemas.openid.net/event/other": object{}}),
		"event is null":           set("events", object{backChannelEvent: nil}),
		"event is a string":       set("events", object{backChannelEvent: "{}"}),
		"event is an array":       set("events", object{backChannelEvent: []any{}}),
		"event is true":           set("events", object{backChannelEvent: true}),

		"nonce present":           set("nonce", randomID()),
		"nonce present but empty": set("nonce", ""),
		"nonce present but null":  set("nonce", nil),

		"neither sub nor sid":       drop("sub", "sid"),
		"sub and sid are empty":     both(set("sub", ""), set("sid", "")),
		"sub is not a string":       set("sub", 7),
		"sid is not a string":       set("sid", []string{"sid"}),
		"sub and sid in other case": both(rename("sub", "Sub"), rename("sid", "SID")),
	}
}

func setHeader(name string, value any) edit {
	return func(header, _ object) { header[name] = value }
}

func set(name string, value any) edit {
	return func(_, claims object) { claims[name] = value }
}

func drop(names ...string) edit {
	return func(_, claims object) {
		for _, name := range names {
			delete(claims, name)
		}
	}
}

func rename(from, to string) edit {
	return func(_, claims object) {
		if value, ok := claims[from]; ok {
			claims[to] = value
			delete(claims, from)
		}
	}
}

func both(first, second edit) edit {
	return func(header, claims object) {
		first(header, claims)
		second(header, claims)
	}
}

func unknownExtension(header, _ object) {
	header["crit"] = []string{"extension"}
	header["extension"] = true
}

// issued moves iat only, so that a receiver cannot reject the token by exp.
func issued(at, now time.Time) edit {
	return func(_, claims object) {
		claims["iat"] = at.Unix()
		claims["exp"] = now.Unix() + logoutTokenLifetime
	}
}

// otherSlash adds a trailing slash, or removes it.
func otherSlash(issuer string) string {
	if bare, ok := strings.CutSuffix(issuer, "/"); ok {
		return bare
	}
	return issuer + "/"
}
