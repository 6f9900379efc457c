// Package transport prepares what carries the program's calls to the provider and to the
// API.
package transport

import (
	"net/http"
	"time"
)

// A connection may be dead although nobody has closed it: a firewall or a NAT has
// forgotten it, or the machine behind it is gone. Over HTTP/1.1 a call that gets no answer
// closes its connection. Over HTTP/2 it does not, and the next calls use the same one,
// until the operating system gives up, after a quarter of an hour (Go issue 30702).
const (
	// silence is after how long without a frame a connection is asked whether it lives,
	// and patience how long it has to answer. Together they are shorter than a call may
	// take, so that a refresh is still made on another connection.
	silence  = 5 * time.Second
	patience = 3 * time.Second
)

// Checked returns base, or a copy of it that gives up dead connections. Nil is
// http.DefaultTransport. What base itself says about that is left as it is, and a
// transport of another type is not looked into.
func Checked(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	known, ok := base.(*http.Transport)
	if !ok || known.HTTP2 != nil && known.HTTP2.SendPingTimeout > 0 {
		return base
	}
	own := Clone(known)
	if own.HTTP2 == nil {
		own.HTTP2 = &http.HTTP2Config{}
	}
	own.HTTP2.SendPingTimeout = silence
	if own.HTTP2.PingTimeout == 0 {
		own.HTTP2.PingTimeout = patience
	}
	return own
}

// Clone copies a transport with what it speaks. By the time that Clone of net/http copies
// one that was to find out by itself whether it speaks HTTP/2, its TLSClientConfig offers
// that, and the copy does not find out with one that is set (Go 1.26).
func Clone(t *http.Transport) *http.Transport {
	own := t.Clone()
	if own.TLSNextProto == nil && t.TLSNextProto["h2"] != nil {
		own.ForceAttemptHTTP2 = true
	}
	return own
}
