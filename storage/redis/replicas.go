package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

// A write that must survive a fail-over is sent in one pipeline with two more
// commands: a write that always takes place (lua/fence.lua), and WAIT or WAITAOF.
// WAIT waits for the last write of its own connection (before Redis 7.2, its last
// command), and for everything before it on that server. The fence is for calls that
// find nothing to write, such as the retry of a logout that has already removed the
// session.
//
// All three must reach the same server, so they use a connection of their own, on a
// Cluster to the master of the key's slot. If the slot has moved, the write is made
// without them and is unproven.

const (
	defaultWait      = time.Second
	defaultFsyncWait = 2 * time.Second // appendfsync everysec takes up to one

	// shortestWait is the unit of the server's bound, for which 0 means no bound.
	shortestWait = time.Millisecond

	// waitPause is how long writes do not wait after one has waited in vain.
	waitPause = time.Second
)

// errAway is why a write is unproven during waitPause.
var errAway = errors.New("the replicas have not confirmed a write lately")

// replicas waits for the replicas of a Store. A nil one waits for none.
type replicas struct {
	count   int
	fsync   bool
	timeout time.Duration

	// again has, for the address of a master whose replicas are away, when to wait
	// for them again, in Unix nanoseconds; 0: they are not away.
	again sync.Map // of *atomic.Int64
}

func newReplicas(o Options) *replicas {
	if o.WaitReplicas == 0 && !o.WaitFsync {
		return nil
	}
	r := &replicas{count: o.WaitReplicas, fsync: o.WaitFsync, timeout: o.WaitTimeout}
	if r.timeout == 0 {
		r.timeout = defaultWait
		if r.fsync {
			r.timeout = defaultFsyncWait
		}
	}
	return r
}

// check returns an error for options that cannot work with client.
func (r *replicas) check(client redis.UniversalClient) error {
	if r == nil {
		return nil
	}
	var errs []error
	if r.count < 0 {
		errs = append(errs, errors.New("storage/redis: Options.WaitReplicas is negative: it is how many replicas to wait for"))
	}
	if r.timeout < shortestWait {
		errs = append(errs, errors.New("storage/redis: Options.WaitTimeout is less than a millisecond, to which the server rounds it"))
	}
	var read time.Duration
	switch c := client.(type) {
	case *redis.Client:
		if c != nil {
			read = c.Options().ReadTimeout
		}
	case *redis.ClusterClient:
		if c != nil {
			read = c.Options().ReadTimeout
		}
	default:
		errs = append(errs, fmt.Errorf("storage/redis: Options.WaitReplicas and WaitFsync need a *redis.Client or *redis.ClusterClient: %T hides its connections", client))
	}
	if read > 0 && read <= r.timeout {
		errs = append(errs, fmt.Errorf("storage/redis: Options.WaitTimeout is %v and the client's ReadTimeout %v: the client must read for longer", r.timeout, read))
	}
	return errors.Join(errs...)
}

// away reports whether the next write should not wait. While the replicas of a master
// are away, one write a second checks whether they are back.
func (r *replicas) away(again *atomic.Int64) bool {
	now, at := time.Now(), again.Load()
	return at != 0 && (now.UnixNano() < at || !again.CompareAndSwap(at, now.Add(waitPause).UnixNano()))
}

func (r *replicas) of(master *redis.Client) *atomic.Int64 {
	again, _ := r.again.LoadOrStore(master.Options().Addr, new(atomic.Int64))
	return again.(*atomic.Int64)
}

// wait adds WAIT or WAITAOF to pipe, and returns a function that judges the answer.
// Replicas count as away only after a wait of the full length: a wait that the
// caller's deadline cut short proves nothing.
func (r *replicas) wait(ctx context.Context, pipe redis.Pipeliner, again *atomic.Int64) func() error {
	patience := r.timeout
	if until, ok := ctx.Deadline(); ok { // the answer must come before it
		patience = max(min(patience, time.Until(until)/2), shortestWait)
	}
	command := []any{"WAIT", r.count, patience.Milliseconds()}
	if r.fsync {
		command = []any{"WAITAOF", 1, r.count, patience.Milliseconds()}
	}
	cmd := pipe.Do(ctx, command...)
	return func() error {
		unproven, err := r.read(cmd)
		switch {
		case err != nil:
			return err
		case unproven == nil:
			again.Store(0)
		case patience == r.timeout:
			again.Store(time.Now().Add(waitPause).UnixNano())
		}
		return unproven
	}
}

func (r *replicas) read(cmd *redis.Cmd) (unproven, err error) {
	if !r.fsync {
		confirmed, err := cmd.Int()
		return r.judge(1, confirmed), err
	}
	have, err := cmd.Int64Slice()
	have = append(have, 0, 0)
	return r.judge(int(have[0]), int(have[1])), err
}

// judge returns an error if confirmations are missing. own is 1 if the write is on the
// master's disk.
func (r *replicas) judge(own, confirmed int) error {
	switch {
	case own == 0:
		return errors.New("it is not on the master's disk yet")
	case confirmed >= r.count:
		return nil
	}
	return fmt.Errorf("%d of %d replicas have confirmed it", confirmed, r.count)
}

// write runs a script that writes, on one space. unproven says why the write may not
// survive a fail-over.
func (s *Store) write(ctx context.Context, script *redis.Script, in space, key string, args ...any) (cmd *redis.Cmd, unproven error) {
	if s.replicas == nil {
		return s.run(ctx, script, in, key, args...), nil
	}
	c := &call{in: in, key: key, args: args}
	s.writeAll(ctx, script, []*call{c})
	return c.cmd, c.unproven
}

// writeAll runs a script that writes, on many spaces, and sets each call's unproven.
func (s *Store) writeAll(ctx context.Context, script *redis.Script, calls []*call) {
	if s.replicas == nil {
		s.runAll(ctx, script, calls)
		return
	}
	byNode := map[*redis.Client][]*call{}
	for _, c := range calls {
		node, err := s.master(ctx, c.key)
		if err != nil {
			s.writeUnproven(ctx, script, c, err)
			continue
		}
		byNode[node] = append(byNode[node], c)
	}
	var all sync.WaitGroup
	for node, calls := range byNode {
		all.Go(func() { s.writeTo(ctx, node, script, calls) })
	}
	all.Wait()
}

func (s *Store) master(ctx context.Context, key string) (*redis.Client, error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return s.client.(*redis.Client), nil
}

// writeTo runs a script on spaces of one node, on one connection.
func (s *Store) writeTo(ctx context.Context, node *redis.Client, script *redis.Script, calls []*call) {
	again := s.replicas.of(node)
	if s.replicas.away(again) {
		s.runAll(ctx, script, calls)
		for _, c := range calls {
			c.unproven = errAway
		}
		return
	}
	conn := node.Conn()
	defer func() { _ = conn.Close() }()
	s.writeFenced(ctx, conn, again, script.EvalSha, calls)
	var forgotten []*call
	for _, c := range calls {
		if redis.HasErrorPrefix(c.cmd.Err(), "NOSCRIPT") {
			forgotten = append(forgotten, c)
		}
	}
	if len(forgotten) > 0 {
		s.writeFenced(ctx, conn, again, script.Eval, forgotten)
	}
	for _, c := range calls {
		if isElsewhere(c.cmd.Err()) {
			s.writeUnproven(ctx, script, c, c.cmd.Err())
		}
	}
}

// writeFenced sends one pipeline, which the client resends as a whole if the
// connection is lost.
func (s *Store) writeFenced(ctx context.Context, conn *redis.Conn, again *atomic.Int64, eval evaluation, calls []*call) {
	pipe := conn.Pipeline()
	for _, c := range calls {
		c.cmd = eval(ctx, pipe, []string{c.key}, s.arguments(c.in, c.args)...)
	}
	fence := pipe.Eval(ctx, fenceLua, []string{calls[0].in.fence()})
	wait := s.replicas.wait(ctx, pipe, again)
	_, _ = pipe.Exec(ctx)
	unproven := wait()
	if err := fence.Err(); err != nil && !errors.Is(err, redis.Nil) {
		unproven = err
	}
	for _, c := range calls {
		c.unproven = unproven
	}
}

// writeUnproven runs the script wherever the client finds the key.
func (s *Store) writeUnproven(ctx context.Context, script *redis.Script, c *call, why error) {
	c.cmd, c.unproven = s.run(ctx, script, c.in, c.key, c.args...), why
}

// isElsewhere reports whether a node has redirected a command to another node, or
// asked to retry later. The client handles both.
func isElsewhere(err error) bool {
	for _, prefix := range []string{"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "MASTERDOWN"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// proven adds to the outcome of a write why it may not survive a fail-over. It does not
// change a failure.
func proven(err, unproven error) error {
	if unproven == nil || err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrConflict) {
		return err
	}
	unsafe := fmt.Errorf("storage/redis: %w: %w", storage.ErrNotReplicated, unproven)
	if err == nil {
		return unsafe
	}
	return fmt.Errorf("%w; %w", err, unsafe)
}
