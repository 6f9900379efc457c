package native

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
)

// portTries is how often to try to find a port that is free on both addresses of
// localhost, and that browsers connect to.
const portTries = 10

// listen listens on every address that a browser may resolve the host of u to, all
// with the same port: that of u, or a free one. If the system lacks one of two
// addresses, the other is enough.
func listen(u *url.URL) ([]net.Listener, int, error) {
	port, _ := strconv.Atoi(u.Port()) // 0: any
	addresses := []string{u.Hostname()}
	if net.ParseIP(u.Hostname()) == nil {
		addresses = []string{"127.0.0.1", "::1"}
	}
	var err error
	for range portTries {
		var listeners []net.Listener
		var got int
		listeners, got, err = listenAll(addresses, port)
		if err == nil && isBlocked(got) {
			closeAll(listeners)
			err = errBlocked
		}
		if err == nil {
			return listeners, got, nil
		}
		if port != 0 {
			break
		}
	}
	return nil, 0, explainListen(port, err)
}

// explainListen says why there is no port, and what to do.
func explainListen(port int, err error) error {
	const fields = "native: Config.RedirectURI and LogoutRedirectURI: "
	switch {
	case port != 0 && taken(err):
		return fmt.Errorf(fields+"port %d is taken, by another program or by a login of this one that is waiting: end that, or leave the port out to use any free one: %w", port, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf(fields+"this program may not open a port for the browser to come back to: one below 1024 is for root, and a sandbox has to allow any (a snap's network-bind, com.apple.security.network.server on macOS): %w", err)
	}
	return fmt.Errorf(fields+"this machine has no port for the browser to come back to: %w", err)
}

// listenAll opens a port on each address that the system has. It fails if the port is
// taken on one of them, because the browser might connect there.
func listenAll(addresses []string, port int) (listeners []net.Listener, _ int, err error) {
	var missing error
	for _, address := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil && !taken(err) {
			missing = errors.Join(missing, err)
			continue
		}
		if err != nil {
			closeAll(listeners)
			return nil, 0, err
		}
		listeners = append(listeners, l)
		port = l.Addr().(*net.TCPAddr).Port
	}
	if len(listeners) == 0 {
		return nil, 0, missing
	}
	return listeners, port, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// blockedPorts are the bad ports of the Fetch Standard (section Port blocking): browsers
// connect to none of them, since other protocols use them. Its port 0 is left out: here
// it stands for any port, and a URL cannot have it. On Windows, any user can listen on
// ports below 1024.
var blockedPorts = []int{
	1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
	101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
	512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995,
	1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

var errBlocked = errors.New("browsers do not connect to the ports that the system offers")

// isBlocked is replaced by a test.
var isBlocked = func(port int) bool { return slices.Contains(blockedPorts, port) }

// hostHeader is the Host header that a browser sends: without the port if it is 80.
func hostHeader(u *url.URL, port int) string {
	there := url.URL{Scheme: "http", Host: net.JoinHostPort(u.Hostname(), strconv.Itoa(port))}
	return strings.TrimPrefix(authdomain.OriginOf(&there), "http://")
}

// hostOnly is the host of u without a port, in the form for a URL.
func hostOnly(u *url.URL) string {
	if host := u.Hostname(); strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return u.Hostname()
}
