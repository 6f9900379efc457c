package passporttest

import (
	"context"
	"errors"
	"net"
)

// dialLocalhost dials addr, and takes every name under localhost for the
// loopback address as browsers do (RFC 6761 §6.3), since not every system's
// resolver knows these names.
func dialLocalhost(ctx context.Context, network, addr string) (net.Conn, error) {
	var dialer net.Dialer
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !isLocalhostName(host) {
		return dialer.DialContext(ctx, network, addr)
	}
	conn, err4 := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err4 == nil {
		return conn, nil
	}
	conn, err6 := dialer.DialContext(ctx, network, net.JoinHostPort("::1", port))
	if err6 == nil {
		return conn, nil
	}
	return nil, errors.Join(err4, err6)
}
