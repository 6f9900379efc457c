package failtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/redistest"
	"github.com/passport-go/passport/storage/redis"
)

// node is a Redis server in the network.
type node struct {
	party  party
	server *redistest.Server
	data   *port
	bus    string          // of a Cluster: where others reach its bus
	admin  *goredis.Client // not by the network
}

// newNode starts a server that others know by its port.
func newNode(t *testing.T, n *network, options ...string) *node {
	t.Helper()
	return newNodeWith(t, n, func(*node) []string { return options })
}

func newNodeWith(t *testing.T, n *network, more func(*node) []string) *node {
	t.Helper()
	x := &node{party: n.join()}
	var err error
	x.data, err = n.open(x.party, 0)
	require.NoError(t, err)
	host, port := split(x.data.addr)
	options := append(more(x),
		"--bind-source-addr", host, "--protected-mode", "no",
		"--replica-announce-ip", host, "--replica-announce-port", port,
		"--repl-diskless-sync-delay", "0", "--repl-timeout", "5", "--repl-ping-replica-period", "1")
	x.server, err = redistest.Start(options...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, x.server.Close()) })
	x.data.lead(x.server.Addr)
	x.admin = goredis.NewClient(&goredis.Options{Addr: x.server.Addr, Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() { _ = x.admin.Close() })
	return x
}

func split(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}

// info is one field of what the server says of itself.
func (x *node) info(ctx context.Context, section, field string) string {
	_, rest, _ := strings.Cut(x.admin.Info(ctx, section).Val(), "\n"+field+":")
	value, _, _ := strings.Cut(rest, "\r")
	return value
}

// follows reports that a node is a replica that has caught up.
func (x *node) follows(ctx context.Context) error {
	if role, link := x.info(ctx, "replication", "role"), x.info(ctx, "replication", "master_link_status"); role != "slave" || link != "up" {
		return fmt.Errorf("its role is %q, its link to the master %q", role, link)
	}
	return nil
}

// nodes are those of a deployment.
type nodes struct {
	network *network
	all     map[party]*node
}

func (n *nodes) kill(victim party) error {
	n.network.crash(victim)
	n.all[victim].server.Kill()
	return nil
}

func (n *nodes) signal(victim party, s syscall.Signal) error {
	return syscall.Kill(n.all[victim].server.PID(), s)
}

// restart starts a server that was killed.
func (n *nodes) restart(victim party) error {
	if syscall.Kill(n.all[victim].server.PID(), 0) == nil {
		return nil
	}
	return n.all[victim].server.Restart()
}

func (n *nodes) byAddr(addr string) *node {
	for _, x := range n.all {
		if x.data.addr == addr {
			return x
		}
	}
	return nil
}

func (n *nodes) setLag(d time.Duration) {
	for a := range n.all {
		for b := range n.all {
			n.network.setLag(a, b, d)
		}
	}
}

func storeOptions(safe bool, now func() time.Time) redis.Options {
	o := redis.Options{Now: now}
	if safe {
		o.WaitReplicas = 1
	}
	return o
}

// sentinel is a master, its replica and the Sentinel that watches them.
type sentinel struct {
	nodes
	port  *port
	admin *goredis.SentinelClient
}

const masterName = "sessions"

func newSentinel(t *testing.T, n *network) deployment {
	t.Helper()
	master := newNode(t, n)
	host, port := split(master.data.addr)
	replica := newNode(t, n, "--replicaof", host, port)
	s := &sentinel{nodes: nodes{n, map[party]*node{master.party: master, replica.party: replica}}}
	self := n.join()
	server, err := redistest.StartSentinel(
		"bind-source-addr "+n.ip(self).String(),
		fmt.Sprintf("sentinel monitor %s %s %s 1", masterName, host, port),
		fmt.Sprintf("sentinel down-after-milliseconds %s 1000", masterName),
		fmt.Sprintf("sentinel failover-timeout %s 3000", masterName),
	)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	s.port, err = n.open(self, 0)
	require.NoError(t, err)
	s.port.lead(server.Addr)
	s.admin = goredis.NewSentinelClient(&goredis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = s.admin.Close() })
	// It looks at its servers more often than once in ten seconds.
	look := goredis.NewClient(&goredis.Options{Addr: server.Addr, Protocol: 2})
	defer look.Close()
	require.NoError(t, look.Do(t.Context(), "SENTINEL", "DEBUG", "INFO-PERIOD", "300", "PUBLISH-PERIOD", "500").Err())
	within(t, s.whole)
	return s
}

func (s *sentinel) open(client party, safe bool, now func() time.Time) (store, func(), error) {
	c := goredis.NewFailoverClient(&goredis.FailoverOptions{
		MasterName: masterName, SentinelAddrs: []string{s.port.addr}, Dialer: s.network.dial(client),
		ContextTimeoutEnabled: true,
	})
	opened, err := redis.New(c, storeOptions(safe, now))
	return opened, func() { _ = c.Close() }, err
}

func (s *sentinel) victim(ctx context.Context) (party, error) {
	x, err := s.master(ctx)
	if err != nil {
		return 0, err
	}
	return x.party, nil
}

// master is the node that Sentinel sends clients to.
func (s *sentinel) master(ctx context.Context) (*node, error) {
	addr, err := s.admin.GetMasterAddrByName(ctx, masterName).Result()
	if err != nil {
		return nil, err
	}
	x := s.byAddr(net.JoinHostPort(addr[0], addr[1]))
	if x == nil {
		return nil, fmt.Errorf("Sentinel names a master at %s that is none of ours", addr)
	}
	return x, nil
}

func (s *sentinel) failedOver(ctx context.Context, victim party) error {
	return until(ctx, "the fail-over", func(ctx context.Context) error {
		x, err := s.master(ctx)
		switch {
		case err != nil:
			return err
		case x.party == victim:
			return errors.New("the master is the old one")
		case x.info(ctx, "replication", "role") != "master":
			return errors.New("the new one is not promoted yet")
		}
		return nil
	})
}

// repair does what Sentinel does with an old master, only sooner.
func (s *sentinel) repair(ctx context.Context, victim party) error {
	if err := s.restart(victim); err != nil {
		return err
	}
	master, err := s.master(ctx)
	if err != nil {
		return err
	}
	host, port := split(master.data.addr)
	_, err = s.all[victim].admin.TxPipelined(ctx, func(pipe goredis.Pipeliner) error {
		pipe.SlaveOf(ctx, host, port)
		pipe.Do(ctx, "CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
		pipe.Do(ctx, "CLIENT", "KILL", "TYPE", "PUBSUB")
		return nil
	})
	if err != nil {
		return err
	}
	return s.whole(ctx)
}

// whole returns once the replica has caught up, and Sentinel would promote it.
func (s *sentinel) whole(ctx context.Context) error {
	return until(ctx, "the replica", func(ctx context.Context) error {
		known, err := s.admin.Replicas(ctx, masterName).Result()
		if err != nil {
			return err
		}
		for _, r := range known {
			x := s.byAddr(net.JoinHostPort(r["ip"], r["port"]))
			if x != nil && r["flags"] == "slave" && r["master-link-status"] == "ok" {
				return x.follows(ctx)
			}
		}
		return errors.New("Sentinel knows of no replica that is well")
	})
}
