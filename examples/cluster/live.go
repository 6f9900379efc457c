package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/passport-go/passport"
)

// live is a tab's stream of server-sent events. It says which instance carries
// it, and ends with its session, wherever that is ended.
func (i *instance) live(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	w.Header().Set("Content-Type", "text/event-stream")
	if send(w, "carried", i.name) != nil {
		return
	}
	select {
	case <-session.Done(r.Context()):
		_ = send(w, "ended", i.farewell(r.Context(), session.Subject())) // the tab has gone if this fails
	case <-i.stopping: // the tab comes back, maybe to another instance
	case <-r.Context().Done():
	}
}

func (i *instance) farewell(ctx context.Context, subject string) string {
	if name := i.signedOutBy(ctx, subject); name != "" {
		return "Signed out on instance " + name
	}
	return "Signed out"
}

// send writes one event, whose data is a single line, and does not keep it
// waiting in a buffer (HTML Living Standard §9.2.6).
func send(w http.ResponseWriter, event, data string) error {
	if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
