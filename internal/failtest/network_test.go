package failtest

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// network is one on loopback that can be divided. Each server and each client is a
// party with an address of its own (Linux has 127.0.0.0/8), and every connection goes
// through the network, which goes by who makes it. It needs no privilege, as network
// namespaces do, and comes to the same: on a link that is cut, connections stay open
// and nothing arrives; afterwards it arrives late.
type network struct {
	prefix uint32 // of the parties' addresses
	over   context.Context

	mu      sync.Mutex
	changed *sync.Cond
	parties int
	apart   map[party]bool // from the others
	gone    map[party]bool
	crashes map[party]int
	lags    map[link]time.Duration
}

// party is a number of an address in the network.
type party int

// link is one direction of a connection.
type link struct{ from, to party }

func newNetwork(t *testing.T) *network {
	t.Helper()
	over, end := context.WithCancel(context.Background())
	n := &network{
		over:    over,
		prefix:  127<<24 | (1+rand.Uint32N(250))<<16,
		apart:   map[party]bool{},
		gone:    map[party]bool{},
		crashes: map[party]int{},
		lags:    map[link]time.Duration{},
	}
	n.changed = sync.NewCond(&n.mu)
	t.Cleanup(func() {
		end()
		n.heal()
	})
	return n
}

// join returns a new party.
func (n *network) join() party {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parties++
	return party(n.parties)
}

func (n *network) ip(p party) net.IP {
	return binary.BigEndian.AppendUint32(nil, n.prefix|uint32(p))
}

// owner is the party that has an address.
func (n *network) owner(a net.Addr) party {
	return party(binary.BigEndian.Uint32(a.(*net.TCPAddr).IP.To4()) &^ n.prefix)
}

// cut separates some parties from all others. They still reach each other.
func (n *network) cut(parties ...party) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range parties {
		n.apart[p] = true
	}
}

// heal ends the division.
func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.apart)
	n.changed.Broadcast()
}

// leave takes a party off the network for good, as the end of its process does.
func (n *network) leave(p party) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone[p] = true
	n.changed.Broadcast()
}

// crash loses what a party has sent and what has not arrived, as the end of its
// machine does.
func (n *network) crash(p party) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.crashes[p]++
}

// setLag delays what one party sends another.
func (n *network) setLag(from, to party, d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lags[link{from, to}] = d
}

// send puts data on its way.
func (n *network) send(l link, data []byte) chunk {
	n.mu.Lock()
	defer n.mu.Unlock()
	return chunk{data, time.Now().Add(n.lags[l]), n.crashes[l.from]}
}

// arrives waits for data to arrive, and reports whether it does.
func (n *network) arrives(l link, c chunk) bool {
	time.Sleep(time.Until(c.due))
	if !n.await(l) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return c.crashes == n.crashes[l.from]
}

// await returns once a link is not cut, and reports whether both ends are still there.
func (n *network) await(l link) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	there := func() bool { return n.over.Err() == nil && !n.gone[l.from] && !n.gone[l.to] }
	for n.apart[l.from] != n.apart[l.to] && there() {
		n.changed.Wait()
	}
	return there()
}

// dial is for a client that is a party.
func (n *network) dial(p party) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: n.ip(p)}, Timeout: time.Second}
	return dialer.DialContext
}

// port is where others reach one port of a server.
type port struct {
	network *network
	owner   party
	from    party // who connects; 0: whoever has the address
	addr    string

	mu     sync.Mutex
	server string // the address that it listens on; empty: nowhere
}

// open opens a port of a party. Those who connect to it are told apart by their
// addresses; from is for a server that cannot choose its own, or 0.
func (n *network) open(owner, from party) (*port, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(n.ip(owner).String(), "0"))
	if err != nil {
		return nil, err
	}
	p := &port{network: n, owner: owner, from: from, addr: listener.Addr().String()}
	context.AfterFunc(n.over, func() { _ = listener.Close() })
	go p.serve(listener)
	return p, nil
}

// lead leads those who connect from now on to a server.
func (p *port) lead(server string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = server
}

func (p *port) target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.server
}

func (p *port) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go p.connect(conn)
	}
}

func (p *port) connect(client net.Conn) {
	defer client.Close()
	from := p.from
	if from == 0 {
		from = p.network.owner(client.RemoteAddr())
	}
	there, back := link{from, p.owner}, link{p.owner, from}
	if !p.network.await(there) {
		return
	}
	server, err := net.DialTimeout("tcp", p.target(), time.Second)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(p.network.over, func() { _ = client.Close(); _ = server.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { p.network.carry(there, server, client) })
	both.Go(func() { p.network.carry(back, client, server) })
	both.Wait()
}

// chunk is what has been read of a connection, and when it arrives.
type chunk struct {
	data    []byte
	due     time.Time
	crashes int // of the sender, until then
}

// carry passes on what one end of a connection sends, and its end.
func (n *network) carry(l link, to, from net.Conn) {
	underway := make(chan chunk, 64)
	go func() {
		defer close(underway)
		for {
			buffer := make([]byte, 16<<10)
			read, err := from.Read(buffer)
			if read > 0 {
				underway <- n.send(l, buffer[:read])
			}
			if err != nil {
				return
			}
		}
	}()
	for c := range underway {
		arrives := n.arrives(l, c)
		if arrives {
			_, err := to.Write(c.data)
			arrives = err == nil
		}
		if !arrives {
			_ = from.Close() // and nothing more is read
		}
	}
	if n.await(l) {
		_ = to.(*net.TCPConn).CloseWrite()
	}
}

// echo is a server that says what it is told.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func TestWhoIsCutOffHearsNothingUntilTheNetworkIsWhole(t *testing.T) {
	n := newNetwork(t)
	server, here, there := n.join(), n.join(), n.join()
	p, err := n.open(server, 0)
	require.NoError(t, err)
	p.lead(echo(t))
	speak := map[party]net.Conn{}
	for _, client := range []party{here, there} {
		conn, err := n.dial(client)(t.Context(), "tcp", p.addr)
		require.NoError(t, err)
		defer conn.Close()
		speak[client] = conn
	}
	hears := func(who party, within time.Duration) bool {
		_ = speak[who].SetDeadline(time.Now().Add(within))
		_, err := io.ReadFull(speak[who], make([]byte, 1))
		return err == nil
	}
	say := func(who party) { _, err := speak[who].Write([]byte("x")); require.NoError(t, err) }

	say(here)
	say(there)
	assert.True(t, hears(here, time.Minute) && hears(there, time.Minute))
	n.cut(server, here)
	say(here)
	say(there)
	assert.True(t, hears(here, time.Minute), "they are on one side")
	assert.False(t, hears(there, 100*time.Millisecond))
	n.heal()
	assert.True(t, hears(there, time.Minute), "late")

	n.setLag(there, server, 100*time.Millisecond)
	began := time.Now()
	say(there)
	assert.True(t, hears(there, time.Minute))
	assert.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond)
}
