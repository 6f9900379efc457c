package passport

import (
	"context"
	"log/slog"
	"time"
)

// EventName says what an [Event] is about. There may be more names in later
// versions.
type EventName string

// The names of events.
const (
	// EventLogin: a session began.
	EventLogin EventName = "login"

	// EventLoginFailed: a login of this browser came back, and no session began; Err
	// says why.
	EventLoginFailed EventName = "login.failed"

	// EventLoginUnconfirmed: a login after an unfinished logout has asked for
	// credentials, and the ID token does not say that they were given; see
	// LoginResult.Reauthentication. EventLogin comes beside it.
	EventLoginUnconfirmed EventName = "login.unconfirmed"

	// EventLogout: a session was ended by the app, its user or the provider.
	EventLogout EventName = "logout"

	// EventProviderLogout: the provider asked for a logout. EventLogout follows
	// for each session.
	EventProviderLogout EventName = "provider.logout"

	// EventSessionReplaced: a session was ended by the next login in its browser.
	EventSessionReplaced EventName = "session.replaced"

	// EventSessionEvicted: a session was ended because its user has begun more than
	// Config.MaxSessionsPerUser.
	EventSessionEvicted EventName = "session.evicted"

	// EventSessionLost: a session was ended because it could not go on; Err says
	// why.
	EventSessionLost EventName = "session.lost"

	// EventRefreshFailed: tokens could not be refreshed for now; the session goes
	// on. Err says why.
	EventRefreshFailed EventName = "refresh.failed"

	// EventRevocationDone: the auth domain revoked a refresh token.
	EventRevocationDone EventName = "revocation.done"

	// EventRevocationRetry: a revocation failed and will be tried again; Err says
	// why.
	EventRevocationRetry EventName = "revocation.retry"

	// EventRevocationFailed: a revocation was given up; Err says why.
	EventRevocationFailed EventName = "revocation.failed"

	// EventPassportDone: the browser came back from the auth domain's logout,
	// which has ended its session.
	EventPassportDone EventName = "passport.done"

	// EventPassportReturned: the browser came back from the logout of a
	// discovered provider, which proves nothing.
	EventPassportReturned EventName = "passport.returned"
)

// Event tells Config.OnEvent what happened. It holds nothing secret.
type Event struct {
	// Name says what happened.
	Name EventName

	// Time is when it happened, by Config.Now.
	Time time.Time

	// Session is the [Session.ID], which is not secret, Subject the user, and SID
	// the Passport session. Each is empty where it is not known.
	Session string
	Subject string
	SID     string

	// Context is that of the request or call that caused the event: for a trace,
	// or for values that middleware has put there. It is nil for work in the
	// background, and may be done.
	Context context.Context

	// Err is the reason, or nil.
	Err error
}

// emit logs e and hands it to the app.
func (p *Passport) emit(e Event) {
	e.Time = p.c.Now()
	level := slog.LevelInfo
	if e.Err != nil {
		level = slog.LevelWarn
	}
	ctx := e.Context
	if ctx == nil {
		ctx = context.Background()
	}
	if p.c.Logger.Enabled(ctx, level) {
		attrs := []slog.Attr{slog.String("subject", e.Subject)}
		if e.Err != nil {
			attrs = append(attrs, slog.String("error", e.Err.Error()))
		}
		p.c.Logger.LogAttrs(ctx, level, "passport: "+string(e.Name), attrs...)
	}
	if p.c.OnEvent != nil {
		p.c.OnEvent(e)
	}
}
