package passport

import (
	"net"
	"net/url"
	"strconv"

	"github.com/passport-go/passport/internal/authdomain"
)

// WithPort returns p as it is for a program that has no port of its own and listens
// on whichever is free, as a desktop program does while it waits for the
// browser (RFC 8252 §7.3): RedirectURI and LogoutRedirectURI have this port,
// each if it is on a loopback host and Config gave it none. Everything else is
// p's own, and shared with it; Close on either closes both. A login that was begun
// at one port is finished there.
//
// The auth domain has to allow such URIs whatever their port. Like
// regexp.MustCompile it panics at a mistake of the program's: a port that is
// not from 1 to 65535.
func (p *Passport) WithPort(port int) *Passport {
	if port < 1 || port > 65535 {
		panic("passport: WithPort: a port is from 1 to 65535")
	}
	c := *p.c
	c.RedirectURI = addPort(c.RedirectURI, port)
	c.LogoutRedirectURI = addPort(c.LogoutRedirectURI, port)
	there := *p
	there.c = &c
	there.setURLs()
	return &there
}

// addPort gives a loopback address a port, unless it has one.
func addPort(address string, port int) string {
	u, err := url.Parse(address)
	if err != nil || u.Port() != "" || !authdomain.Loopback(u.Hostname()) {
		return address
	}
	u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	return u.String()
}
