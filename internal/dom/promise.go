package dom

import "context"

// Await waits for a promise. The promise goes on when ctx is done.
func Await(ctx context.Context, promise Value) Value {
	if promise.err != nil {
		return promise
	}
	settled := make(chan Value, 1)
	var kept, broken Func
	settle := func(v Value) {
		settled <- v
		kept.Release()
		broken.Release()
	}
	kept = FuncOf(func(args []Value) { settle(args[0]) })
	broken = FuncOf(func(args []Value) { settle(Value{err: Failure(args[0])}) })
	if err := promise.Call("then", kept.Value(), broken.Value()).err; err != nil {
		settle(Value{err: err})
	}
	select {
	case v := <-settled:
		return v
	case <-ctx.Done():
		return Value{err: ctx.Err()}
	}
}
