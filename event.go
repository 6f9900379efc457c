package passport

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/passport-go/passport/internal/observe"
	"github.com/passport-go/passport/internal/text"
)

// EventName says what an [Event] is about. There may be more names in later
// versions.
type EventName string

// The names of events.
const (
	// EventLogin: a session began.
	EventLogin EventName = "login"

	// EventLoginFailed: a login failed, so that no session began. Reason says why, for
	// counters, and Err in detail. Strangers can cause it.
	EventLoginFailed EventName = "login.failed"

	// EventLoginUnconfirmed: a login after an unfinished logout asked for
	// credentials, and the ID token does not say whether they were given; see
	// LoginResult.Reauthentication. EventLogin is emitted too.
	EventLoginUnconfirmed EventName = "login.unconfirmed"

	// EventLogout: a session was ended by the app, its user or the provider.
	EventLogout EventName = "logout"

	// EventProviderLogout: the provider requested a logout. EventLogout follows for
	// each session.
	EventProviderLogout EventName = "provider.logout"

	// EventSessionReplaced: a session was ended by the next login in its browser.
	EventSessionReplaced EventName = "session.replaced"

	// EventSessionEvicted: a session was ended because its user had more than
	// Config.MaxSessionsPerUser.
	EventSessionEvicted EventName = "session.evicted"

	// EventSessionLost: a session was ended because it could not continue; Err says
	// why.
	EventSessionLost EventName = "session.lost"

	// EventSessionReturned: a session that had ended was in the Store again, as can
	// happen after a fail-over. It has been ended once more.
	EventSessionReturned EventName = "session.returned"

	// EventRefreshFailed: a token refresh failed for now; the session goes on. Err
	// says why.
	EventRefreshFailed EventName = "refresh.failed"

	// EventRevocationDone: the auth domain revoked a refresh token.
	EventRevocationDone EventName = "revocation.done"

	// EventRevocationRetry: a revocation failed and will be retried; Err says why.
	EventRevocationRetry EventName = "revocation.retry"

	// EventRevocationFailed: a revocation was given up; Err says why.
	EventRevocationFailed EventName = "revocation.failed"

	// EventPassportDone: the browser came back from the auth domain's logout, so
	// the Passport session has ended.
	EventPassportDone EventName = "passport.done"

	// EventPassportReturned: the browser came back from the logout of a
	// discovered provider, which proves nothing.
	EventPassportReturned EventName = "passport.returned"
)

// LoginFailure is why a login failed. There may be more in later versions.
type LoginFailure string

// The reasons.
const (
	LoginUnknown             LoginFailure = "unknown"              // ErrNoLogin: too late, used before, from elsewhere, or logged out since
	LoginDenied              LoginFailure = "denied"               // by the user at the provider, or by its rules (access_denied, unauthorized)
	LoginInteractionRequired LoginFailure = "interaction_required" // a login with Prompt none, of a user who is not signed in there
	LoginCanceled            LoginFailure = "canceled"             // FinishDeviceLogin was not waited for: its context was done first
	LoginRefused             LoginFailure = "refused"              // by Config.OnSignIn
	LoginProgramFailed       LoginFailure = "program_failed"       // ErrSignIn: an error of Config.OnSignIn
	LoginNotReauthenticated  LoginFailure = "not_reauthenticated"  // ErrNotReauthenticated, ErrNotRecent or ErrInsufficientACR
	LoginProviderRefused     LoginFailure = "provider_refused"     // another *ProviderError: the registration, the client's credentials, a used code
	LoginProviderUnavailable LoginFailure = "provider_unavailable" // it did not answer in time, or could not
	LoginInvalid             LoginFailure = "invalid"              // the provider's answer: such as an ID token that is not valid
	LoginStoreUnavailable    LoginFailure = "store_unavailable"    // ErrStoreUnavailable
	LoginLoop                LoginFailure = "loop"                 // ErrLoginLoop
)

var loginFailures = []LoginFailure{
	LoginUnknown, LoginDenied, LoginInteractionRequired, LoginCanceled, LoginRefused, LoginProgramFailed,
	LoginNotReauthenticated,
	LoginProviderRefused, LoginProviderUnavailable, LoginInvalid, LoginStoreUnavailable, LoginLoop,
}

// Event tells Config.OnEvent what happened. It contains no secrets.
type Event struct {
	// Name says what happened.
	Name EventName

	// Time is when it happened, according to Config.Now.
	Time time.Time

	// Session is the [Session.ID], which is not secret, Subject the user, and SID
	// the Passport session. Each is empty if it is unknown. A login that fails has a
	// Subject if its ID token was verified, as when Config.OnSignIn refuses the user.
	Session string
	Subject string
	SID     string

	// RemoteAddr is where the request that caused the event came from: what
	// [WithRemoteAddr] was given or else, in the handlers of this package, the IP
	// address of the connection. Behind a proxy, that is the proxy's. Empty if it is
	// unknown.
	RemoteAddr string

	// Reason is why a login failed. It is empty for all events but EventLoginFailed.
	Reason LoginFailure

	// Context is the context of the request or call that caused the event, for
	// traces and values from middleware. It is nil for background work, and may be
	// done.
	Context context.Context `json:"-"`

	// Err is the reason, or nil.
	Err error
}

// Format prints e without its Context, whatever the verb: the context may hold the
// whole request, and other goroutines use it.
func (e Event) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "passport.Event{Name: %q, Session: %q, Subject: %q, SID: %q, RemoteAddr: %q, Reason: %q, Err: %v}",
		e.Name, e.Session, e.Subject, e.SID, e.RemoteAddr, e.Reason, e.Err)
}

// LogValue is Format for slog.
func (e Event) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(e)) }

// events logs events and hands them to the app.
type events struct {
	now    func() time.Time
	logger *slog.Logger
	tell   func(Event) // Config.OnEvent, or nil
	counts *counts
}

func (to *events) emit(e Event) {
	to.counts.countEvent(&e)
	level := e.level()
	ctx := e.Context
	if ctx == nil {
		ctx = context.Background()
	}
	logs := to.logger.Enabled(ctx, level)
	if !logs && to.tell == nil {
		return
	}
	e.Time, e.RemoteAddr = to.now(), remoteAddr(ctx)
	if logs {
		attrs := []slog.Attr{slog.String("subject", e.Subject)}
		if e.Reason != "" {
			attrs = append(attrs, slog.String("reason", string(e.Reason)), slog.String("remote_addr", e.RemoteAddr))
		}
		if e.Err != nil {
			attrs = append(attrs, slog.String("error", e.Err.Error()))
		}
		to.logger.LogAttrs(ctx, level, "passport: "+string(e.Name), attrs...)
	}
	if to.tell != nil {
		to.tellProgram(e)
	}
}

// tellProgram calls Config.OnEvent. What it does wrong must not keep a logout from its
// end, nor a token from being revoked.
func (to *events) tellProgram(e Event) {
	defer to.contain("OnEvent", "event", string(e.Name))
	to.tell(e)
}

// contain is deferred around what a hook of the program's does: a panic ends up in the log.
func (to *events) contain(hook, key, value string) {
	v := recover()
	if v == nil {
		return
	}
	logger := to.logger
	if !logger.Enabled(context.Background(), slog.LevelError) { // there is none
		logger = slog.Default()
	}
	logger.Error("passport: Config."+hook+" panicked", key, value, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}

// guard is trace, which may be nil, or one whose panics stop nothing either.
func (to *events) guard(trace func(context.Context, Operation) Span) func(context.Context, Operation) Span {
	if trace == nil {
		return nil
	}
	return func(ctx context.Context, o Operation) (safe Span) {
		defer to.contain("Trace", "operation", string(o))
		span := trace(ctx, o)
		if span.Context != nil {
			safe.Context = func(ctx context.Context) (within context.Context) {
				within = ctx
				defer to.contain("Trace", "operation", string(o))
				return span.Context(ctx)
			}
		}
		if span.End != nil {
			safe.End = func(err error) {
				defer to.contain("Trace", "operation", string(o))
				span.End(err)
			}
		}
		return safe
	}
}

// maxAuditedError bounds what an audit log repeats of an error, in bytes.
const maxAuditedError = 500

// AuditLog returns a Config.OnEvent that writes one record per event to l. The message is
// the name of the event, and subject, session, sid, remote_addr, reason and error are
// attributes, unless they are empty. The time is the Event's. The level is info, or warn
// for an Event with an error, unless its Reason is LoginInteractionRequired. No attribute
// holds a secret; the subject and the address are personal data. A nil l means
// slog.Default().
//
// l's handler is called in the middle of requests: a handler that may block, for example
// because it sends records over the network, should queue them.
func AuditLog(l *slog.Logger) func(Event) {
	return func(e Event) {
		ctx := e.Context
		if ctx == nil {
			ctx = context.Background()
		}
		level := e.level()
		handler := cmp.Or(l, slog.Default()).Handler()
		if !handler.Enabled(ctx, level) {
			return
		}
		record := slog.NewRecord(e.Time, level, string(e.Name), 0)
		record.AddAttrs(e.attrs()...)
		_ = handler.Handle(ctx, record) // a log that fails is no reason to
	}
}

// level is that of e in logs. That a visitor is not signed in at the provider either is
// what SilentLogin finds of most.
func (e *Event) level() slog.Level {
	if e.Err == nil || e.Reason == LoginInteractionRequired {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// attrs are what is known of e.
func (e Event) attrs() []slog.Attr {
	var attrs []slog.Attr
	for _, a := range []struct{ key, value string }{
		{"subject", e.Subject}, {"session", e.Session}, {"sid", e.SID}, {"remote_addr", e.RemoteAddr}, {"reason", string(e.Reason)},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", text.Line(e.Err.Error(), maxAuditedError)))
	}
	return attrs
}

type remoteAddrKey struct{}

// maxRemoteAddr bounds an address, in bytes.
const maxRemoteAddr = 100

// WithRemoteAddr returns a context that says where its request comes from, for
// [Event.RemoteAddr]. Behind a proxy, set it in middleware around [Passport.Handler],
// from a header that only your proxy can set: this package trusts no header by itself,
// because anybody can send X-Forwarded-For. A program without net/http sets it before it
// calls a method. addr is cut to 100 bytes.
func WithRemoteAddr(ctx context.Context, addr string) context.Context {
	return context.WithValue(ctx, remoteAddrKey{}, text.Line(addr, maxRemoteAddr))
}

func remoteAddr(ctx context.Context) string {
	addr, _ := ctx.Value(remoteAddrKey{}).(string)
	return addr
}

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

	// End is called once, when the operation has ended. The error is also nil for
	// answers that are not failures, such as that there is no such record. It contains
	// no secret.
	End func(error)
}

// newMeter returns what measures the calls to the Store.
func newMeter(trace func(context.Context, Operation) Span) *observe.Meter {
	if trace == nil {
		return observe.New(nil)
	}
	return observe.New(func(ctx context.Context, o string) observe.Span { return observe.Span(trace(ctx, Operation(o))) })
}

// counts is what [Stats] is read from. Nobody waits for anybody to count.
type counts struct {
	events   map[EventName]*atomic.Uint64    // not changed after newCounts
	failures map[LoginFailure]*atomic.Uint64 // the same

	refreshes, refreshesFailed atomic.Uint64
	revocations                atomic.Uint64

	bearersAccepted, bearersRefused, bearersUnverified atomic.Uint64
}

// endings are the events that say why a session has ended.
var endings = []EventName{EventLogout, EventSessionReplaced, EventSessionEvicted, EventSessionLost, EventSessionReturned}

func newCounts() *counts {
	c := &counts{events: map[EventName]*atomic.Uint64{}, failures: map[LoginFailure]*atomic.Uint64{}}
	for _, name := range append([]EventName{EventLogin, EventRevocationDone, EventRevocationFailed}, endings...) {
		c.events[name] = new(atomic.Uint64)
	}
	for _, reason := range loginFailures {
		c.failures[reason] = new(atomic.Uint64)
	}
	return c
}

func (c *counts) countEvent(e *Event) {
	if n := c.events[e.Name]; n != nil {
		n.Add(1)
	}
	if e.Name != EventLoginFailed {
		return
	}
	if n := c.failures[e.Reason]; n != nil {
		n.Add(1)
	}
}
