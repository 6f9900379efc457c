package passport

import (
	"context"
	"log/slog"
	"time"
)

// Event tells Config.OnEvent what happened. It holds nothing secret.
//
//	login              a session began
//	logout             a session was ended by the app, its user or the provider
//	provider.logout    the provider asked for a logout; logout follows for each session
//	session.replaced   a session was ended by the next login in its browser
//	session.lost       a session was ended because it could not go on; Err says why
//	refresh.failed     tokens could not be refreshed for now; the session goes on
//	revocation.done    the auth domain revoked a refresh token
//	revocation.retry   a revocation failed, and will be tried again; Err says why
//	revocation.failed  a revocation was given up; Err says why
//	passport.done      the browser came back from the auth domain's logout, which has ended its session
//	passport.returned  the browser came back from a discovered provider's logout, which proves nothing
type Event struct {
	// Name is one of the names above. There may be more in later versions.
	Name string

	// Time is when it happened, by Config.Now.
	Time time.Time

	// Session is the [Session.ID] it is about, which is not secret; Subject
	// the user. Either may be empty where it is not known.
	Session string
	Subject string

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
	if ctx := context.Background(); p.c.Logger.Enabled(ctx, level) {
		attrs := []slog.Attr{slog.String("subject", e.Subject)}
		if e.Err != nil {
			attrs = append(attrs, slog.String("error", e.Err.Error()))
		}
		p.c.Logger.LogAttrs(ctx, level, "passport: "+e.Name, attrs...)
	}
	if p.c.OnEvent != nil {
		p.c.OnEvent(e)
	}
}
