package passport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/storage"
)

// SessionInfo describes one session in a list of a user's sessions.
type SessionInfo struct {
	// ID is for EndSession; see [Session.ID].
	ID string

	// Subject is the user, and SID the Passport session in which they signed
	// in (the sid claim), or empty.
	Subject string
	SID     string

	// Begun is when the user signed in, Seen the time of the last request, to the
	// precision described at Config.IdleTimeout, and Expiry when the session ends
	// if there are no more requests.
	Begun  time.Time
	Seen   time.Time
	Expiry time.Time

	// Label is the app's own; see [Session.SetLabel].
	Label string
}

// Info describes the session as it was when it was looked up.
func (s *Session) Info() SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return infoOf(s.rec, *s.head)
}

func infoOf(r storage.Record, h head) SessionInfo {
	return SessionInfo{
		ID:      r.ID,
		Subject: r.Subject,
		SID:     r.SID,
		Begun:   time.Unix(h.Begun, 0),
		Seen:    time.Unix(h.Seen, 0),
		Expiry:  r.Expiry,
		Label:   h.Label,
	}
}

// Sessions lists a user's live sessions, the latest login first. The cost depends
// on their number, not on that of all sessions. Sessions that cannot be read are
// left out. errors.ErrUnsupported: the Store does not implement storage.Lister.
// storage.ErrEmptyMatch: subject is empty. ErrStoreUnavailable: the Store could not
// answer.
func (p *Passport) Sessions(ctx context.Context, subject string) ([]SessionInfo, error) {
	lister, ok := p.c.Store.(storage.Lister)
	if !ok {
		return nil, fmt.Errorf("passport: the session store cannot list sessions: %w", errors.ErrUnsupported)
	}
	if subject == "" {
		return nil, fmt.Errorf("passport: Sessions: %w", storage.ErrEmptyMatch)
	}
	call, cancel := context.WithTimeout(ctx, records.Timeout)
	defer cancel()
	if !p.records.InProcess() {
		lister = p.meter.Lister(lister)
	}
	var records []storage.Record
	err := p.records.Read(ctx, func() (err error) {
		records, err = lister.List(call, p.records.OwnSessions(storage.Match{Subject: subject}))
		return err
	})
	if err != nil {
		return nil, storeError(err)
	}
	var all []SessionInfo
	now := p.c.Now().Unix()
	for _, r := range records {
		if h, err := p.records.OpenHead(r); err == nil && p.isLive(&r, &h, now) {
			all = append(all, infoOf(r, h))
		}
	}
	slices.SortFunc(all, func(a, b SessionInfo) int { return b.Begun.Compare(a.Begun) })
	return all, nil
}

// EndSessions logs out every session that m selects, as EndSession does one: all of
// a user's (Subject), the user's others (Subject and Except, with the [Session.ID]
// to keep), or those of one Passport session (SID). The cost depends on the number
// of sessions ended. A match with neither Subject nor SID is an error
// (storage.ErrEmptyMatch), and ends nothing. Tenant and Kind of m are ignored: only
// sessions of this issuer and client are ended, even if others share the Store.
//
// ErrStoreUnavailable: the Store could not answer, and nothing retries: call EndSessions
// again. The Passport sessions stay open, because only the users' own browsers can end
// those.
func (p *Passport) EndSessions(ctx context.Context, m storage.Match) (Logout, error) {
	ctx, span := p.within(ctx, OperationLogout)
	l, err := p.endSessions(ctx, m)
	span.Ended(err)
	return l, err
}

func (p *Passport) endSessions(ctx context.Context, m storage.Match) (Logout, error) {
	p.revoker.Begin()
	l := newLogout(p.c.LogoutMode)
	if m.Subject == "" && m.SID == "" {
		l.App = OutcomeFailed
		return l, fmt.Errorf("passport: EndSessions: %w", storage.ErrEmptyMatch)
	}
	call, cancel := p.records.Bound(circuit.Insist(ctx)) // nothing tries it again
	defer cancel()
	now := p.c.Now()
	revocations, err := p.deleteSessions(call, m)
	records := make([]storage.Record, len(revocations))
	for i, d := range revocations {
		records[i] = d.Record
	}
	if notSafe(err) {
		err = p.makeSafe(err, EventLogout, records...)
	} else if err != nil {
		l.App, err = OutcomeFailed, storeError(err)
	}
	err = errors.Join(err, p.endBearersMatching(call, m, records))
	p.rememberEnded(m, now)
	p.announceEnd(Event{Name: EventLogout, Context: ctx}, records...)
	l.Ended = len(revocations)
	if l.App != OutcomeFailed && (l.Ended > 0 || notSafe(err)) {
		l.App = appOutcome(err)
	}
	p.planVisit(ctx, &l, logoutHint{}, p.newLogoutState(""))
	l.Revocation = p.revokeAndWait(ctx, revocations...)
	return l, err
}

// maxLabel bounds a label, in bytes.
const maxLabel = 200

// SetLabel gives the session a label, such as "Firefox in Berlin", which
// [Passport.Sessions] returns. It is cut to 200 bytes. ErrNoSession: the session
// has ended, and stays so.
func (s *Session) SetLabel(ctx context.Context, label string) error {
	label = text.Line(label, maxLabel)
	s.mu.Lock()
	defer s.mu.Unlock()
	var set head
	rec, err := s.p.update(ctx, s.rec, func(h *head, _ *tokens) bool {
		h.Label = label
		set = *h
		return true
	})
	if err == nil {
		s.rec, s.head = rec, &set
	}
	return err
}

// endOldest ends the sessions of a user that are more than
// Config.MaxSessionsPerUser, the oldest first, and never the session with the ID
// latest. Without it one account could fill a bounded Store for everybody. It is
// no reason for the latest login to fail.
func (p *Passport) endOldest(ctx context.Context, subject, latest string) {
	if p.c.MaxSessionsPerUser < 0 {
		return
	}
	all, err := p.Sessions(ctx, subject)
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the sessions of a user could not be counted", "error", err)
		return
	}
	kept := 1 // the latest, which may not be the first in the list
	for _, s := range all {
		if s.ID == latest {
			continue
		}
		if kept++; kept > p.c.MaxSessionsPerUser {
			p.evict(ctx, s.ID)
		}
	}
}

func (p *Passport) evict(ctx context.Context, id string) {
	app, removed, err := p.endSession(ctx, id, EventSessionEvicted)
	if app.gone() {
		p.revoker.RevokeOne(removed)
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: a user's oldest session could not be ended yet", "error", err)
	}
}
