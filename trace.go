package passport

import (
	"context"

	"github.com/passport-go/passport/internal/observe"
)

// Operation says what a [Span] is about. The calls to a Store outside this process are
// operations too: store.load, store.save, and so on, by the names of its methods.
// There may be more in later versions.
type Operation string

// The operations of a Passport.
const (
	OperationBeginLogin     Operation = "login.begin"     // BeginLogin, BeginDeviceLogin
	OperationFinishLogin    Operation = "login.finish"    // FinishLogin, FinishDeviceLogin
	OperationRefresh        Operation = "refresh"         // a caller waits for fresh tokens
	OperationLogout         Operation = "logout"          // EndSession, EndBrowserSession, EndSessions
	OperationProviderLogout Operation = "provider.logout" // EndByLogoutToken
	OperationRevocation     Operation = "revocation"      // one attempt, in the background
)

// Span is an operation that has begun, for Config.Trace. Either field may be nil.
type Span struct {
	// Context returns the context with the span in it. It may be called more than
	// once: a refresh goes on in a context of its own when its caller has gone.
	Context func(context.Context) context.Context

	// End is called once, when the operation has ended. A nil error also stands for
	// answers that are none of a failure, such as a record that is not there. The
	// error contains no secret.
	End func(error)
}

// newMeter returns what measures the calls to the Store.
func newMeter(trace func(context.Context, Operation) Span) *observe.Meter {
	if trace == nil {
		return observe.New(nil)
	}
	return observe.New(func(ctx context.Context, o string) observe.Span { return observe.Span(trace(ctx, Operation(o))) })
}
