package passport

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/passport-go/passport/storage"
)

// A logout by the provider can overtake the login that it is about: the session
// is not stored yet when the logout token comes. So a logout leaves a mark, the
// moment T at which it came, and a login that was begun before T looks for it
// after it has stored its session. Whichever of the two comes second sees the
// other.
//
// A mark concerns only logins begun before T, so it blocks nobody's next login,
// and no login needs to remove it. It ends by itself when every login begun
// before T has timed out.
const markLife = loginLife + time.Minute

func markID(m storage.Match) string {
	if m.SID != "" {
		return storeID(spaceMark, Secret("sid "+m.SID))
	}
	return storeID(spaceMark, Secret("sub "+m.Subject))
}

// markEnded leaves a mark, or moves one that is there to now.
func (p *Passport) markEnded(ctx context.Context, m storage.Match) error {
	now := p.c.Now()
	rec := storage.Record{ID: markID(m), Expiry: now.Add(markLife)}
	for {
		at := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
		_, err := p.store.Save(ctx, sealRecord(p.c.keys, rec, head{}, at))
		switch {
		case errors.Is(err, storage.ErrConflict):
			there, err := p.store.Load(ctx, rec.ID)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			rec.Revision = there.Revision
		case errors.Is(err, storage.ErrNotFound):
			rec.Revision = 0
		default:
			return err
		}
	}
}

// overtaken reports whether a provider's logout came for this login after it
// was begun. A user who proved who they are since then is not meant.
func (p *Passport) overtaken(ctx context.Context, begun time.Time, id *oidc.IDToken, sid string) (bool, error) {
	matches := []storage.Match{{Subject: id.Subject}}
	if sid != "" {
		matches = append(matches, storage.Match{SID: sid})
	}
	for _, m := range matches {
		at, err := p.markedAt(ctx, m)
		if err != nil {
			return false, err
		}
		if begun.After(at) || authTime(id).After(at) {
			continue
		}
		return true, nil
	}
	return false, nil
}

// markedAt returns the moment of a mark, or the zero time if there is none.
func (p *Passport) markedAt(ctx context.Context, m storage.Match) (time.Time, error) {
	rec, err := p.store.Load(ctx, markID(m))
	if errors.Is(err, storage.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := openBody(p.c.keys, rec)
	if err != nil || len(at) != 8 {
		return p.c.Now(), nil // a mark that cannot be read is a mark
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(at))), nil
}

// authTime is when the user proved who they are, if the ID token says so.
func authTime(id *oidc.IDToken) time.Time {
	var claims struct {
		AuthTime float64 `json:"auth_time"`
	}
	if id.Claims(&claims) != nil || claims.AuthTime <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(claims.AuthTime), 0)
}
