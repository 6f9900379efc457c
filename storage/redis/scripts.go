package redis

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"

	"github.com/passport-go/passport/storage"
)

var (
	//go:embed lua/common.lua
	commonLua string
	//go:embed lua/save.lua
	saveLua string
	//go:embed lua/delete.lua
	deleteLua string
	//go:embed lua/delete_matching.lua
	deleteMatchingLua string
	//go:embed lua/enqueue.lua
	enqueueLua string
	//go:embed lua/claim.lua
	claimLua string
	//go:embed lua/lease.lua
	leaseLua string
	//go:embed lua/retry.lua
	retryLua string
	//go:embed lua/complete.lua
	completeLua string
	//go:embed lua/fence.lua
	fenceLua string
)

var (
	saveScript           = redis.NewScript(commonLua + saveLua)
	deleteScript         = redis.NewScript(commonLua + deleteLua)
	deleteMatchingScript = redis.NewScript(commonLua + deleteMatchingLua)
	enqueueScript        = redis.NewScript(commonLua + enqueueLua)
	claimScript          = redis.NewScript(commonLua + claimLua)
	retryScript          = redis.NewScript(commonLua + leaseLua + retryLua)
	completeScript       = redis.NewScript(commonLua + leaseLua + completeLua)
)

// run runs a script on one space. It resends a script that the server does not have,
// for example after a restart.
func (s *Store) run(ctx context.Context, script *redis.Script, in space, key string, args ...any) *redis.Cmd {
	return script.Run(ctx, s.client, []string{key}, s.arguments(in, args)...)
}

// arguments prepends what lua/common.lua expects.
func (s *Store) arguments(in space, args []any) []any {
	return append([]any{string(in), s.now().UnixMilli()}, args...)
}

// call is one run of a script among many.
type call struct {
	in   space
	key  string
	args []any
	cmd  *redis.Cmd // the answer

	unproven error // of one that writes; see replicas.go
}

// runAll runs a script on many spaces, in one round trip to each node, or two if the
// server does not have it. Each call has its own result or error.
func (s *Store) runAll(ctx context.Context, script *redis.Script, calls []*call) {
	if len(calls) == 1 {
		// The client has more connections for commands than for pipelines.
		c := calls[0]
		c.cmd = s.run(ctx, script, c.in, c.key, c.args...)
		return
	}
	s.pipeline(ctx, script.EvalSha, calls)
	var forgotten []*call
	for _, c := range calls {
		if redis.HasErrorPrefix(c.cmd.Err(), "NOSCRIPT") {
			forgotten = append(forgotten, c)
		}
	}
	s.pipeline(ctx, script.Eval, forgotten)
}

type evaluation = func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd

func (s *Store) pipeline(ctx context.Context, eval evaluation, calls []*call) {
	pipe := s.client.Pipeline()
	for _, c := range calls {
		c.cmd = eval(ctx, pipe, []string{c.key}, s.arguments(c.in, c.args)...)
	}
	// Exec returns the first error of the commands; each command has its own.
	_, _ = pipe.Exec(ctx)
}

// outcome translates the answer of a script that writes.
func outcome(cmd *redis.Cmd) error {
	text, err := cmd.Text()
	if err != nil {
		return err
	}
	switch text {
	case "conflict":
		return storage.ErrConflict
	case "missing":
		return storage.ErrNotFound
	}
	return nil
}
