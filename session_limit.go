package passport

import (
	"context"
	"errors"
)

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
	l, removed, err := p.endSession(ctx, id, EventSessionEvicted)
	if l.App == OutcomeDone {
		p.revoker.Revoke(removed)
	}
	if err != nil {
		p.c.Logger.WarnContext(ctx, "passport: a user's oldest session could not be ended yet", "error", err)
	}
}
