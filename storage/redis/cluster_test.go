package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// cluster is one of three nodes without replicas.
type cluster struct{ nodes []*server }

const clusterNodes = 3

func startCluster() (*cluster, error) {
	c := &cluster{}
	for range clusterNodes {
		node, err := startServer("cluster-enabled yes", "cluster-node-timeout 2000", "cluster-require-full-coverage no")
		if err != nil {
			c.remove()
			return nil, err
		}
		c.nodes = append(c.nodes, node)
	}
	if err := c.join(); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *cluster) remove() {
	for _, node := range c.nodes {
		node.remove()
	}
}

// join gives each node its share of the slots and waits until all know it.
func (c *cluster) join() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for i, node := range c.nodes {
		client := node.dial()
		defer func() { _ = client.Close() }()
		err := errors.Join(
			client.ClusterAddSlotsRange(ctx, 16384*i/clusterNodes, 16384*(i+1)/clusterNodes-1).Err(),
			client.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(),
			client.ClusterMeet(ctx, "127.0.0.1", strconv.Itoa(c.nodes[0].port)).Err(),
		)
		if err != nil {
			return err
		}
	}
	for _, node := range c.nodes {
		if err := node.waitForCluster(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) waitForCluster(ctx context.Context) error {
	client := s.dial()
	defer func() { _ = client.Close() }()
	for {
		info := client.ClusterInfo(ctx).Val()
		if strings.Contains(info, "cluster_state:ok") &&
			strings.Contains(info, "cluster_slots_ok:16384") &&
			strings.Contains(info, fmt.Sprint("cluster_known_nodes:", clusterNodes)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the cluster does not come together: %s", info)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (c *cluster) addrs() (addrs []string) {
	for _, node := range c.nodes {
		addrs = append(addrs, node.addr)
	}
	return addrs
}

// client returns one such as an application has.
func (c *cluster) client(t testing.TB) *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.addrs()})
	t.Cleanup(func() { _ = client.Close() })
	return client
}
