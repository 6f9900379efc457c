package passport

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/passport-go/passport/internal/text"
)

// maxAuditedError bounds what an audit log repeats of an error, in bytes.
const maxAuditedError = 500

// AuditLog returns a Config.OnEvent that writes one record an event to l: the name is
// the message, and subject, session, sid, remote_addr, reason and error are attributes,
// without those that are empty. The time is the Event's. The level is info, and warn for
// an Event with an error. No attribute holds a secret; the subject and the address are
// personal data. A nil l is slog.Default().
//
// l's handler is called in the middle of requests: one that may block, such as one that
// sends records over the network, should queue them.
func AuditLog(l *slog.Logger) func(Event) {
	return func(e Event) {
		ctx := e.Context
		if ctx == nil {
			ctx = context.Background()
		}
		level := slog.LevelInfo
		if e.Err != nil {
			level = slog.LevelWarn
		}
		handler := cmp.Or(l, slog.Default()).Handler()
		if !handler.Enabled(ctx, level) {
			return
		}
		record := slog.NewRecord(e.Time, level, string(e.Name), 0)
		record.AddAttrs(e.attrs()...)
		_ = handler.Handle(ctx, record) // a log that fails is no reason to
	}
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
