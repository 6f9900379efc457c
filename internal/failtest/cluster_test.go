package failtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/redis"
)

// cluster is a Redis Cluster of three masters, each with a replica.
type cluster struct{ nodes }

const masters = 3

func newCluster(t *testing.T, n *network) deployment {
	t.Helper()
	c := &cluster{nodes{n, map[party]*node{}}}
	var all []*node
	for range 2 * masters {
		x := newClusterNode(t, n)
		c.all[x.party], all = x, append(all, x)
	}
	within(t, func(ctx context.Context) error { return c.join(ctx, all) })
	return c
}

func newClusterNode(t *testing.T, n *network) *node {
	t.Helper()
	// The network's port for the bus is known once the server has the party's address.
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, bus := split(probe.Addr().String())
	require.NoError(t, probe.Close())
	busServer := "127.0.0.1:" + bus
	var busPort *port
	x := newNodeWith(t, n, func(x *node) []string {
		busPort, err = n.open(x.party, 0)
		require.NoError(t, err)
		busPort.lead(busServer)
		host, port := split(x.data.addr)
		_, announced := split(busPort.addr)
		return []string{
			"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1500",
			"--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no",
			"--cluster-announce-ip", host, "--cluster-announce-port", port, "--cluster-announce-bus-port", announced,
		}
	})
	x.bus = busPort.addr
	return x
}

// join makes a cluster of the nodes.
func (c *cluster) join(ctx context.Context, all []*node) error {
	for i, x := range all {
		if err := x.admin.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			return err
		}
		host, port := split(all[0].data.addr)
		_, bus := split(all[0].bus)
		if err := x.admin.Do(ctx, "CLUSTER", "MEET", host, port, bus).Err(); err != nil {
			return err
		}
	}
	for i, x := range all[:masters] {
		if err := x.admin.ClusterAddSlotsRange(ctx, 16384*i/masters, 16384*(i+1)/masters-1).Err(); err != nil {
			return err
		}
	}
	for i, x := range all[masters:] {
		master := all[i].admin.ClusterMyID(ctx).Val()
		err := until(ctx, "the nodes to meet", func(ctx context.Context) error { return x.admin.ClusterReplicate(ctx, master).Err() })
		if err != nil {
			return err
		}
	}
	return until(ctx, "the cluster", c.whole)
}

// whole reports that every node sees three masters and three replicas, all well.
func (c *cluster) whole(ctx context.Context) error {
	for _, x := range c.all {
		info := x.admin.ClusterInfo(ctx).Val()
		for _, want := range []string{"cluster_state:ok", "cluster_slots_ok:16384", fmt.Sprint("cluster_known_nodes:", 2*masters)} {
			if !strings.Contains(info, want) {
				return fmt.Errorf("a node does not say %s", want)
			}
		}
		if view := x.admin.ClusterNodes(ctx).Val(); strings.Count(view, "fail") > 0 {
			return fmt.Errorf("a node sees a failed one: %s", view)
		}
		if x.info(ctx, "replication", "role") == "slave" {
			if err := x.follows(ctx); err != nil {
				return err
			}
		}
	}
	if n := len(c.masters(ctx)); n != masters {
		return fmt.Errorf("there are %d masters", n)
	}
	return nil
}

func (c *cluster) masters(ctx context.Context) (found []party) {
	for _, p := range slices.Sorted(maps.Keys(c.all)) {
		if c.all[p].info(ctx, "replication", "role") == "master" {
			found = append(found, p)
		}
	}
	return found
}

// withoutMaintenance turns off what only managed servers announce: with mode auto,
// connections that are opened at once turn it off one under the other's eyes, which is
// a data race of the client (go-redis 9.23).
var withoutMaintenance = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

func (c *cluster) open(client party, safe bool, now func() time.Time) (store, func(), error) {
	var addrs []string
	for _, x := range c.all {
		addrs = append(addrs, x.data.addr)
	}
	connected := goredis.NewClusterClient(&goredis.ClusterOptions{
		Addrs: addrs, Dialer: c.network.dial(client), ContextTimeoutEnabled: true,
		MaintNotificationsConfig: withoutMaintenance,
	})
	opened, err := redis.New(connected, storeOptions(safe, now))
	return opened, func() { _ = connected.Close() }, err
}

// victim is one that has keys: the store uses 32 of the slots.
func (c *cluster) victim(ctx context.Context) (party, error) {
	candidates := slices.DeleteFunc(c.masters(ctx), func(p party) bool {
		return c.all[p].admin.DBSize(ctx).Val() == 0
	})
	if len(candidates) == 0 {
		return 0, errors.New("no master has a key")
	}
	return candidates[rand.IntN(len(candidates))], nil
}

// failedOver goes by what the others say.
func (c *cluster) failedOver(ctx context.Context, victim party) error {
	_, port := split(c.all[victim].data.addr)
	mark := ":" + port + "@"
	return until(ctx, "the fail-over", func(ctx context.Context) error {
		for p, x := range c.all {
			if p == victim {
				continue
			}
			view := x.admin.ClusterNodes(ctx).Val()
			for line := range strings.Lines(view) {
				// After eight fields come the slots.
				if strings.Contains(line, mark) && len(strings.Fields(line)) > 8 {
					return errors.New("the old master has its slots still")
				}
			}
			if !strings.Contains(x.admin.ClusterInfo(ctx).Val(), "cluster_state:ok") {
				return errors.New("a node does not serve yet")
			}
		}
		return nil
	})
}

// repair leaves it to the cluster.
func (c *cluster) repair(ctx context.Context, victim party) error {
	if err := c.restart(victim); err != nil {
		return err
	}
	return until(ctx, "the cluster", c.whole)
}
