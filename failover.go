package passport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/ended"
	"github.com/passport-go/passport/internal/marks"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/storage"
)

// A store that fails over may lose the last that it has answered: a session is back
// after its logout. Two things stand against that. A store that waits for its replicas
// says of a write that they have not confirmed it (storage.ErrNotReplicated); the
// logout is pending then, and is done again until they have. And what this process
// knows to have ended stays so for it (package ended), whatever the store says.

// notSafe reports whether all that is wrong with a logout is that a fail-over may undo
// it.
func notSafe(err error) bool {
	return records.NotReplicated(err) && !errors.Is(err, ErrStoreUnavailable)
}

// appOutcome is that of sessions that were removed with an error.
func appOutcome(err error) Outcome {
	if errors.Is(err, storage.ErrNotReplicated) {
		return OutcomePending
	}
	return OutcomeDone
}

// makeSafe has the end of sessions done again, if err says that it is not safe. It
// returns err.
func (p *Passport) makeSafe(err error, event EventName, removed ...storage.Record) error {
	if notSafe(err) {
		for _, rec := range removed {
			p.retries.Add(rec.ID, &unendedSession{p: p, id: rec.ID, event: event, gone: true})
		}
	}
	return err
}

// absenceSafe has a logout that found no session done again, if err says that a
// fail-over may undo that: a primary that is cut off does not know of the sessions that
// began elsewhere, or of an earlier logout that is pending. It returns what is wrong.
func (p *Passport) absenceSafe(err error, id string, event EventName) error {
	if id == "" || !errors.Is(err, storage.ErrNotReplicated) {
		return nil
	}
	p.retries.AddUpTo(mostAbsences, id, &unendedSession{p: p, id: id, event: event, gone: true})
	return fmt.Errorf("passport: no session was found: %w", storage.ErrNotReplicated)
}

func waitsForReplicas(j retry.Job) bool {
	u, ok := j.(*unendedSession)
	return ok && u.gone
}

// mostUnsafeTokens bounds the memory for tokens that wait for the store's replicas, to
// about 30 MB. Those beyond are lost in a fail-over with their sessions.
const mostUnsafeTokens = 10_000

// mostAbsences is how much may wait before a logout that found no session does not:
// anybody can ask for one, and each may take all the time that a store waits for its
// replicas.
const mostAbsences = 1_000

// unsafeTokens are those of a login or a refresh that a fail-over may take out of their
// session. Nobody else has them: the session would be left with a refresh token that is
// used up, and a logout would not revoke the one that is not.
type unsafeTokens struct {
	p   *Passport
	of  storage.Record // without its Data
	now tokens
	old []Secret // the refresh tokens before, latest last
}

// makeTokensSafe looks after tokens until the store's replicas have them. old is the
// refresh token that they replace, if there was one.
func (p *Passport) makeTokensSafe(rec storage.Record, t tokens, old ...Secret) {
	if t.RefreshToken != "" {
		rec.Data = nil
		p.retries.AddUpTo(mostUnsafeTokens, "tokens "+rec.ID, &unsafeTokens{p, rec, t, old})
	}
}

// Do stores the tokens again, where a fail-over has brought older ones back, or to hear
// that they are safe. If the session is gone, they are revoked.
func (u *unsafeTokens) Do(ctx context.Context) error {
	rec, err := u.p.records.Load(ctx, u.of.ID)
	if err == nil {
		_, err = u.p.updateSafely(ctx, rec, func(h *head, t *tokens) bool {
			if slices.Contains(u.old, t.RefreshToken) {
				now := u.now
				now.Data = t.Data
				h.RefreshBy, *t = 0, now
			}
			return t.RefreshToken == u.now.RefreshToken
		})
	}
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, ErrNoSession) {
		u.p.enqueueToken(u.of, u.now)
		return nil
	}
	return err
}

// mostOldTokens is how many refreshes of one session may wait.
const mostOldTokens = 16

func (u *unsafeTokens) After(older retry.Job) retry.Job {
	if o, ok := older.(*unsafeTokens); ok {
		u.old = append(slices.Clone(o.old), u.old...)
		u.old = u.old[max(0, len(u.old)-mostOldTokens):]
	}
	return u
}

func (u *unsafeTokens) Loses() bool { return false }

// unsafeMark is the mark of a provider's logout that a fail-over may undo.
type unsafeMark struct {
	p *Passport
	t provider.LogoutToken
}

func (m *unsafeMark) Do(ctx context.Context) error {
	return m.p.overtaken.Mark(ctx, ownerOf(m.t), m.t.IssuedAt)
}

func (m *unsafeMark) After(retry.Job) retry.Job { return m }

func (m *unsafeMark) Loses() bool { return false }

// markOvertaken leaves the mark of a provider's logout. unsafe: a fail-over may undo
// it, and it is done again.
func (p *Passport) markOvertaken(ctx context.Context, t provider.LogoutToken) (unsafe, err error) {
	err = p.overtaken.Mark(ctx, ownerOf(t), t.IssuedAt)
	if !notSafe(err) {
		return nil, err
	}
	p.retries.Add("logout "+string(ownerOf(t)), &unsafeMark{p, t})
	return err, nil
}

// unsafeBearerMark is [unstoredMark] for one that is stored, and in force, but may be
// undone.
func (p *Passport) unsafeBearerMark(owner marks.Owner, m marks.Bearers) {
	p.retries.Add("bearer "+string(owner), &unstoredMark{p, owner, m})
}

// rememberEnded notes that all sessions that m selects had ended at a moment.
func (p *Passport) rememberEnded(m storage.Match, at time.Time) {
	switch {
	case m.Except != "" || m.SID != "" && m.Subject != "":
	case m.SID != "":
		p.records.Ended().Owner(ended.OfSID(m.SID), at)
	default:
		p.records.Ended().Owner(ended.OfSubject(m.Subject), at)
	}
}

var errReturned = errors.New("passport: the store had a session again that had ended, as it may after a fail-over")

// endAgain ends a session that has come back. The request that has found it does not
// wait.
func (p *Passport) endAgain(rec storage.Record) {
	job := &unendedSession{p: p, id: rec.ID, event: EventSessionReturned}
	if p.retries.Waits(rec.ID) {
		return
	}
	p.tasks.Start(func(ctx context.Context) {
		call, cancel := p.records.Bound(ctx)
		defer cancel()
		if job.Do(call) != nil {
			p.retries.Add(rec.ID, job)
		}
	})
}
