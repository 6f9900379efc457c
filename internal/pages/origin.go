package pages

import (
	"errors"
	"net/url"
	"strings"
)

// Origin is the origin of an absolute http or https URL, spelled as browsers
// spell it in MessageEvent.origin (HTML Standard, "Serialization of an origin"):
// lower case, no default port. A host with other characters than letters,
// digits, dots, hyphens and underscores is an error, unless it is a bracketed
// IPv6 address: a browser would rewrite it, and in a policy it could end the
// directive. An international name has to be given in its ASCII form. So is a
// user name or password in the URL, which no origin has.
func Origin(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("not a URL")
	}
	return origin(u)
}

func origin(u *url.URL) (string, error) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("not an absolute http or https URL")
	}
	if u.User != nil {
		return "", errors.New("has a user name or password")
	}
	name := strings.ToLower(u.Hostname())
	if !plainHost(name) {
		return "", errors.New("the host is missing, or not written in ASCII letters, digits, dots and hyphens")
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port := u.Port(); port != "" && port != defaultPort[u.Scheme] {
		name += ":" + port
	}
	return u.Scheme + "://" + name, nil
}

var defaultPort = map[string]string{"http": "80", "https": "443"}

func plainHost(name string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
	if strings.Contains(name, ":") { // IPv6: url.Parse has checked the brackets
		return strings.Trim(name, "0123456789abcdef:.") == ""
	}
	return name != "" && strings.Trim(name, plain) == ""
}
