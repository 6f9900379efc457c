package native

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// longestTable bounds how much of the system's table of connections is read.
const longestTable = 16 << 20

// isAnotherUser reports whether another user of the machine has sent r, by the
// system's table of connections. It reports false if the table does not say, as
// for a browser in a network namespace of its own. root can do anything anyway,
// and a program that runs as root opens the browser of another user.
func isAnotherUser(r *http.Request) bool {
	uid, found := peerUID(r)
	return found && isOther(os.Getuid(), uid)
}

func isOther(own, uid int) bool { return own != uid && own != 0 && uid != 0 }

// peerUID is the user at the other end of the connection that r came by.
func peerUID(r *http.Request) (uid int, found bool) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return 0, false
	}
	server, err1 := netip.ParseAddrPort(local.String())
	client, err2 := netip.ParseAddrPort(r.RemoteAddr)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(name)
		if err != nil {
			continue
		}
		uid, found = uidOf(io.LimitReader(file, longestTable), client, server)
		_ = file.Close()
		if found {
			return uid, true
		}
	}
	return 0, false
}

// uidOf reads who owns the socket at local that is connected to remote from a
// table as described in proc_pid_net(5): sl, local_address, rem_address, st, two
// queues and a timer, retrnsmt, uid.
func uidOf(table io.Reader, local, remote netip.AddrPort) (uid int, found bool) {
	for lines := bufio.NewScanner(table); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || !isAddrPort(fields[1], local) || !isAddrPort(fields[2], remote) {
			continue
		}
		uid, err := strconv.Atoi(fields[7])
		return uid, err == nil
	}
	return 0, false
}

// isAddrPort reports whether text, such as 0100007F:1F90, is address. The table
// has each word of an IP address in the byte order of the machine.
func isAddrPort(text string, address netip.AddrPort) bool {
	ip, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil || uint16(number) != address.Port() {
		return false
	}
	b, err := hex.DecodeString(ip)
	if err != nil || len(b)%4 != 0 {
		return false
	}
	for word := b; len(word) > 0; word = word[4:] {
		binary.BigEndian.PutUint32(word, binary.NativeEndian.Uint32(word))
	}
	is, ok := netip.AddrFromSlice(b)
	return ok && is.Unmap() == address.Addr().Unmap()
}
