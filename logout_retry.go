package passport

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

// logoutRetries knows the logouts that the store could not carry out. Their
// browsers have forgotten the session, and nobody else will come and try again, so
// one goroutine goes on trying until the store is back.
type logoutRetries struct {
	p *Passport

	mu      sync.Mutex
	waiting map[string]unended // by the ID of the session, or of a binding's mark
	running bool
}

// unended is what a logout could not end.
type unended struct {
	event   EventName // to tell of
	binding Secret    // of logins; empty: it is a session, or a mark

	mark  Secret // the key of a mark for bearer tokens; empty: it is none
	marks bearerMarks
}

const (
	firstEndRetry   = time.Second
	longestEndRetry = time.Minute

	// mostUnended bounds what is remembered. A session beyond it ends by its expiry
	// alone.
	mostUnended = 100_000
)

func newLogoutRetries(p *Passport) *logoutRetries {
	return &logoutRetries{p: p, waiting: map[string]unended{}}
}

func (r *logoutRetries) addSession(id string, event EventName) {
	r.add(id, unended{event: event})
}

func (r *logoutRetries) addBindings(bindings []Secret) {
	for _, b := range bindings {
		if plausibleID(b.Reveal()) {
			r.add(r.p.retiredID(b), unended{binding: b})
		}
	}
}

// addBearerMark is for a mark whose record has an ID, together with what waits there.
func (r *logoutRetries) addBearerMark(id string, key Secret, m bearerMarks) {
	r.mu.Lock()
	there := r.waiting[id].marks
	r.mu.Unlock()
	r.add(id, unended{mark: key, marks: there.moved(m)})
}

func (r *logoutRetries) add(id string, what unended) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= mostUnended {
		r.p.c.Logger.Error("passport: too many sessions wait for the store to end them; one more lives until it expires")
		return
	}
	r.waiting[id] = what
	if !r.running {
		r.running = r.p.tasks.Loop(r.loop)
	}
}

func (r *logoutRetries) loop(ctx context.Context) {
	for wait := firstEndRetry; tasks.Pause(ctx, wait) == nil; wait = min(2*wait, longestEndRetry) {
		r.try(ctx)
		r.mu.Lock()
		if r.running = len(r.waiting) > 0; !r.running {
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
	}
}

// try ends what waits, until the store fails again.
func (r *logoutRetries) try(ctx context.Context) {
	r.mu.Lock()
	waiting := maps.Clone(r.waiting)
	r.mu.Unlock()
	for id, what := range waiting {
		call, cancel := context.WithTimeout(ctx, storeTimeout)
		err := r.end(call, id, what)
		cancel()
		if err != nil {
			return
		}
		r.mu.Lock()
		delete(r.waiting, id)
		r.mu.Unlock()
	}
}

func (r *logoutRetries) end(ctx context.Context, id string, what unended) error {
	if what.binding != "" {
		_, err := r.p.stopLogin(ctx, what.binding, OutcomeDone, "")
		return err
	}
	if what.mark != "" {
		return r.p.markBearer(ctx, what.mark, what.marks)
	}
	removed, err := r.p.revoker.Delete(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if what.event == EventLogout {
		_ = r.p.endBearersOf(ctx, removed.Record) // waits here in its turn
	}
	r.p.ended(Event{Name: what.event}, removed.Record)
	r.p.revoker.Revoke(removed)
	return nil
}

// waits reports whether a session, or a binding's mark, waits for the store.
func (r *logoutRetries) waits(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, waits := r.waiting[id]
	return waits
}

// left counts the sessions that could not be ended.
func (r *logoutRetries) left() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, what := range r.waiting {
		if what.binding == "" && what.mark == "" {
			n++
		}
	}
	return n
}
