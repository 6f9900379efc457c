// Package authdomain knows the addresses of the Passport auth domain.
package authdomain

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Default is the auth domain of both environments, sandbox and production.
const Default = "https://auth.immutable.com"

// Origin brings the ways in which people write a domain (bare host, trailing
// slash, upper case) to one form, scheme://host[:port], that all addresses are
// built from.
func Origin(raw string) (string, error) {
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := ParseHTTP(raw)
	if err != nil {
		return "", err
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", errors.New("must be a bare origin such as https://auth.example.com, without path or query")
	}
	if strings.HasSuffix(u.Hostname(), ".") {
		return "", errors.New("must not end in a dot: no issuer has one in its name")
	}
	return OriginOf(u), nil
}

// Issuer is the issuer of a Config with these fields, of which either may be empty.
func Issuer(issuer, authDomain string) string {
	if issuer != "" {
		return issuer
	}
	origin, _ := Origin(cmp.Or(authDomain, Default)) // New refuses an invalid one
	return origin + "/"
}

// ParseHTTP parses an absolute http or https URL without user and fragment.
// Plain http is for loopback hosts only. The error says what is wrong and never
// repeats the value, which may hold anything.
func ParseHTTP(raw string) (*url.URL, error) {
	u, err := ParseInsecureHTTP(raw)
	if err == nil && u.Scheme == "http" && !Loopback(u.Hostname()) {
		return nil, errors.New("must use https: http is for loopback hosts such as localhost only")
	}
	return u, err
}

// ParseInsecureHTTP is ParseHTTP with plain http allowed on any host.
func ParseInsecureHTTP(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Hostname() == "":
		return nil, errors.New("must be an absolute URL that begins with https:// (or http:// on a loopback host)")
	case !plainHost(u.Hostname()):
		return nil, errors.New("must have a host of ASCII letters, digits, dots and hyphens (an international name in its xn-- form), or an IP address")
	case !plainPort(u):
		return nil, errors.New("must have a port from 1 to 65535, or none and no colon")
	case strings.Contains(raw, " "):
		return nil, errors.New("must not contain spaces")
	case u.User != nil:
		return nil, errors.New("must not contain a user name or password")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, errors.New("must not have a fragment (#...)")
	}
	return u, nil
}

// plainHost keeps out what a browser would rewrite, and what would end a
// directive of a Content-Security-Policy.
func plainHost(name string) bool {
	if strings.Contains(name, ":") {
		return net.ParseIP(name) != nil
	}
	return strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

func plainPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n >= 1 && n <= 65535
}

// OriginOf returns the origin of u as a browser serialises it: lower case,
// without the scheme's own port.
func OriginOf(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := u.Port()
	if port == "" || u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		return u.Scheme + "://" + host
	}
	return u.Scheme + "://" + host + ":" + port
}

// Loopback reports whether a host name is this machine by definition: localhost
// and the names below it (RFC 6761 §6.3), 127.0.0.0/8 and ::1.
func Loopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Endpoints are the addresses of one provider.
type Endpoints struct {
	Authorize string
	Token     string
	Revoke    string
	Logout    string
	Keys      string
	Device    string
	UserInfo  string
}

// At returns the endpoints of the auth domain at origin.
func At(origin string) Endpoints {
	return Endpoints{
		Authorize: origin + "/authorize",
		Token:     origin + "/oauth/token",
		Revoke:    origin + "/oauth/revoke",
		Logout:    origin + "/v2/logout",
		Keys:      origin + "/.well-known/jwks.json",
		Device:    origin + "/oauth/device/code",
		UserInfo:  origin + "/userinfo",
	}
}

// ReturnParam is the parameter of a returnTo in which the browser brings back
// what ties its return to its logout.
const ReturnParam = "passport_logout"

// ReturnTo is a logout URI with the state of a logout, for returnTo: "" if there is no
// logout URI.
func ReturnTo(logoutURI, state string) string {
	if logoutURI == "" {
		return ""
	}
	separator := "?"
	if strings.Contains(logoutURI, "?") {
		separator = "&"
	}
	return logoutURI + separator + url.Values{ReturnParam: {state}}.Encode()
}

// LogoutURL is where the browser ends the Passport session. Without returnTo
// the auth domain goes on to the first logout URL registered for the client.
// federated ends the session at the upstream provider as well.
func (e Endpoints) LogoutURL(clientID, returnTo string, federated bool) string {
	q := url.Values{"client_id": {clientID}}
	if returnTo != "" {
		q.Set("returnTo", returnTo)
	}
	if federated {
		q.Set("federated", "")
	}
	separator := "?"
	if strings.Contains(e.Logout, "?") {
		separator = "&"
	}
	return e.Logout + separator + q.Encode()
}
