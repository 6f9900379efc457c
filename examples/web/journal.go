package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/passport-go/passport"
)

// Who did something.
const (
	byBrowser = "browser"
	byApp     = "app"
	byAuth    = "auth"
)

const (
	toneGood = "good"
	toneWarn = "warn"
	toneBad  = "bad"
)

// step is one thing that happened.
type step struct {
	ID    int // counts up, so that the page knows which are new
	By    string
	Text  string
	Note  string
	Tone  string // one of the tones, or empty
	After string // how long after the beginning of the chapter

	at time.Time // zero: when it is entered
}

func (s step) failed(status int) step {
	s.Note, s.Tone = fmt.Sprintf("Answered %d %s.", status, http.StatusText(status)), toneBad
	return s
}

// chapter is one sign-in or sign-out from its beginning.
type chapter struct {
	Title  string
	Logout *passport.Logout // nil for a sign-in
	Steps  []step

	begun time.Time
}

// journal keeps the latest chapter, whoever's it is: it holds nothing personal.
type journal struct {
	mu      sync.Mutex
	latest  chapter
	lastID  int
	fault   fault
	changed chan struct{} // closed at the next change
	closed  bool
}

func newJournal() *journal {
	return &journal{fault: faults[0], changed: make(chan struct{})}
}

// read returns the latest chapter, the fault in force, and a channel that is
// closed when they are out of date. open is false once the journal is closed.
func (j *journal) read() (c chapter, f fault, changed <-chan struct{}, open bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c = j.latest
	c.Steps = slices.Clone(c.Steps)
	if c.Logout != nil {
		l := *c.Logout
		c.Logout = &l
	}
	return c, j.fault, j.changed, !j.closed
}

// edit changes the journal and tells those who look at it.
func (j *journal) edit(change func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change()
	close(j.changed)
	j.changed = make(chan struct{})
}

// close ends the streams of those who look at it.
func (j *journal) close() { j.edit(func() { j.closed = true }) }

func (j *journal) setFault(f fault) { j.edit(func() { j.fault = f }) }

// begin starts a new chapter. logout is nil for a sign-in.
func (j *journal) begin(title string, logout *passport.Logout, first step) {
	j.edit(func() {
		j.latest = chapter{Title: title, Logout: logout, begun: time.Now()}
		j.insert(first)
	})
}

func (j *journal) add(s step) { j.edit(func() { j.insert(s) }) }

// insert puts a step where its time belongs: the auth domain's reach us a
// little late. The caller holds the lock.
func (j *journal) insert(s step) {
	if s.at.IsZero() {
		s.at = time.Now()
	}
	if s.at.Before(j.latest.begun) {
		return // of an earlier chapter
	}
	j.lastID++
	s.ID, s.After = j.lastID, after(s.at.Sub(j.latest.begun))
	j.latest.Steps = append(j.latest.Steps, s)
	slices.SortStableFunc(j.latest.Steps, func(a, b step) int { return a.at.Compare(b.at) })
}

func after(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// event takes in what the SDK reports. It is Config.OnEvent.
func (j *journal) event(e passport.Event) {
	j.edit(func() {
		if j.latest.Logout != nil {
			applyEvent(j.latest.Logout, e)
		}
		if s, ok := tellEvent(e); ok {
			j.insert(s)
		}
	})
}

// applyEvent records what an event says of a logout.
func applyEvent(l *passport.Logout, e passport.Event) {
	switch e.Name {
	case "logout":
		l.App, l.Revocation = passport.OutcomeDone, passport.OutcomePending
	case "revocation.done":
		l.Revocation = passport.OutcomeDone
	case "revocation.failed":
		l.Revocation = passport.OutcomeFailed
	case "provider.logout", "passport.done":
		l.Passport = passport.OutcomeDone
	}
}

func tellEvent(e passport.Event) (step, bool) {
	s := step{By: byApp, Tone: toneGood}
	switch e.Name {
	case "login":
		s.Text, s.Note = "The app session begins", "The ID token is verified. The tokens are in the store, sealed; the browser has a random id and nothing else."
	case "logout":
		s.Text, s.Note = "The app session is gone", "Out of the store and out of the cookie, before any call to the network."
	case "session.replaced":
		s.Text, s.Tone = "The app session before this one is gone", ""
	case "session.lost":
		s.Text, s.Tone = "The app session was ended", toneBad
	case "revocation.done":
		s.Text, s.Note = "The refresh token is revoked", "At POST /oauth/revoke, in the background."
	case "revocation.retry":
		s.Text, s.Tone = "The revocation failed, and will be tried again", toneWarn
	case "revocation.failed":
		s.Text, s.Tone = "The revocation was given up", toneBad
	case "provider.logout":
		s.Text, s.Note = "A logout token came", "The auth domain says itself, at POST "+backChannelPath+", that the Passport session has ended."
	case "passport.done":
		s.Text, s.Note = "The browser is back", "It came from the auth domain on a way on which the Passport session’s cookie travels: that session is known to have ended."
	default:
		return step{}, false
	}
	if e.Err != nil {
		s.Note = "Why: " + e.Err.Error()
	}
	return s, true
}

// unconfirmed notes that a logout came to its end without proof, and reports
// whether it was this that ended it.
func (j *journal) unconfirmed() (now bool) {
	j.edit(func() {
		if l := j.latest.Logout; l != nil && l.Passport == passport.OutcomePending {
			l.Passport, now = passport.OutcomeUnconfirmed, true
		}
	})
	return now
}
