package passport

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport/internal/health"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/marks"
	"github.com/passport-go/passport/internal/notice"
	"github.com/passport-go/passport/internal/observe"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/internal/revocation"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/internal/tokencache"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// Passport signs users in and out. [New] creates one, which a program keeps for its
// lifetime. All methods are safe for concurrent use.
type Passport struct {
	c *config
	events

	tasks    *tasks.Group
	provider *provider.Client

	meter   *observe.Meter // of the calls to a store outside this process
	records *records.Records
	logins  loginstate.Sealer
	flights *singleflight.Group // refreshes, by session ID
	slow    *provider.Slow

	revoker *revocation.Worker
	counter storage.RevocationCounter // of the queue; nil if that cannot be counted
	retries *retry.Queue              // logouts that the store could not carry out
	notices *notice.Watcher

	storeHealth, providerHealth *health.Probe

	overtaken      marks.LoginBook  // logins that the provider's logouts have overtaken
	signedOut      marks.BearerBook // bearer tokens that logouts have ended
	verified       *tokencache.Cache[provider.BearerToken]
	anonymousMarks *marks.Budget // of logouts by browsers without a session
	longReturns    *marks.Budget // of logins, for KB of long destinations

	http      httpDriver
	logoutURL string // of the auth domain, up to the logout's state
}

// measured is the store with its calls measured. Those to memory are not, as
// [Stats.StoreCalls] says.
func (p *Passport) measured(store storage.TokenStore) storage.TokenStore {
	if _, inProcess := store.(*memory.Store); inProcess {
		return store
	}
	return p.meter.Store(store)
}

// begin begins to work off what an earlier run of the program has left to be done.
// It is called at the first use of the Passport, so that New starts nothing.
func (p *Passport) begin() { p.revoker.Begin() }

// within begins an operation. The returned context belongs to it, and the returned
// Span has yet to be told of its end.
func (p *Passport) within(ctx context.Context, o Operation) (context.Context, observe.Span) {
	if p.c.Trace == nil {
		return ctx, observe.Span{}
	}
	span := observe.Span(p.c.Trace(ctx, o))
	return span.Within(ctx), span
}

// Format prints the client ID and nothing else, whatever the verb.
func (p *Passport) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.Passport("+p.c.ClientID+")")
}
