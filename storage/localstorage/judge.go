package localstorage

import "time"

// verdict is what the user's item, which others write too, and the note mean
// together.
type verdict struct {
	user     *User  // nil if there is no session
	note     note   // as it ought to be
	enqueued *User  // was written back after its end, and its new token is not enqueued yet
	fault    string // the reason why the item must go, or nothing
}

// Reasons for an item to go.
const (
	damaged  = "it makes no sense"
	expired  = "it has expired"
	wasEnded = "it has been ended"
)

// judge decides what is so, and what ought to be.
func judge(item string, n note, now time.Time, lifetime time.Duration) verdict {
	n = n.forget(now)
	if item == "" {
		n.User = nil
		return verdict{note: n}
	}
	u, err := parseUser(item)
	if err != nil {
		n.User = nil
		return verdict{note: n, fault: damaged}
	}
	if n.User == nil && n.Ended != nil && n.Ended.covers(u, now) {
		return writtenBack(u, n)
	}
	u = n.complete(u, item, now, lifetime)
	if !now.Before(u.Expiry) {
		n.User = nil
		return verdict{note: n, fault: expired}
	}
	n.User = besideOf(u, item)
	return verdict{user: &u, note: n}
}

// complete gives u what stands beside it.
func (n note) complete(u User, item string, now time.Time, lifetime time.Duration) User {
	b := n.User
	if b == nil || b.Subject != u.Subject || b.SID != u.SID {
		u.Revision, u.Expiry = firstRevision(now), instant(now.Add(lifetime))
		return u
	}
	u.Revision, u.Expiry, u.Extra = b.Revision, b.Expiry, b.Extra
	if b.Digest != digest(item) {
		u.Revision++
	}
	return u
}

// writtenBack is the end of a session that had ended before. What is enqueued for it
// already, or was not to be, is told by its refresh token.
func writtenBack(u User, n note) verdict {
	v := verdict{note: n, fault: wasEnded}
	if is := digest(u.RefreshToken); u.RefreshToken != "" && is != n.Ended.RefreshToken {
		again := *n.Ended
		again.RefreshToken = is
		v.note.Ended, v.enqueued = &again, &u
	}
	return v
}

// firstRevision is that of a session that begins now: no session before it has
// been changed so often.
func firstRevision(now time.Time) uint64 { return uint64(max(now.UnixMilli(), 1)) }
