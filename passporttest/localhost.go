package passporttest

import (
	"context"
	"errors"
	"net"
)

// dialLocalhost dials addr. Like browsers, it resolves every name under localhost to
// the loopback address (RFC 6761 §6.3), which not every system's resolver does.
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
