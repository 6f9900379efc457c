package passport

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/provider"
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

// mark is the moment of a provider's logout, by two clocks: ours, in Unix
// nanoseconds, which tells what came first here (not Config.Now, which a test
// may let stand still); and the provider's, in Unix seconds, which its own times
// are compared with.
type mark struct {
	Order int64 `json:"order"`
	Time  int64 `json:"time"`
}

func markID(m storage.Match) string {
	if m.SID != "" {
		return storeID(spaceMark, Secret("sid "+m.SID))
	}
	return storeID(spaceMark, Secret("sub "+m.Subject))
}

// markEnded leaves a mark, or moves one that is there forward. Logouts need not
// come in the order in which the provider issued them: each clock counts by
// itself.
func (p *Passport) markEnded(ctx context.Context, m storage.Match, issued time.Time) error {
	own := mark{Order: time.Now().UnixNano(), Time: issued.Unix()}
	rec := storage.Record{ID: markID(m), Expiry: p.c.Now().Add(markLife)}
	for {
		body, err := json.Marshal(own)
		if err != nil {
			return err
		}
		_, err = p.store.Save(ctx, envelope.Seal(p.c.keys, rec, head{}, body))
		switch {
		case errors.Is(err, storage.ErrConflict):
			there, err := p.store.Load(ctx, rec.ID)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			if err == nil {
				m := p.readMark(there)
				if m.Order >= own.Order && m.Time >= own.Time {
					return nil // a later logout was faster
				}
				own = mark{Order: max(m.Order, own.Order), Time: max(m.Time, own.Time)}
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
func (p *Passport) overtaken(ctx context.Context, begun int64, id *provider.IDToken, sid string) (bool, error) {
	matches := []storage.Match{{Subject: id.Subject}}
	if sid != "" {
		matches = append(matches, storage.Match{SID: sid})
	}
	for _, match := range matches {
		m, err := p.marked(ctx, match)
		if err != nil {
			return false, err
		}
		if begun <= m.Order && authTime(id) <= m.Time {
			return true, nil
		}
	}
	return false, nil
}

// marked returns a mark, or the zero mark if there is none.
func (p *Passport) marked(ctx context.Context, match storage.Match) (mark, error) {
	rec, err := p.store.Load(ctx, markID(match))
	if errors.Is(err, storage.ErrNotFound) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	return p.readMark(rec), nil
}

// readMark reads a mark. One that cannot be read is a mark all the same.
func (p *Passport) readMark(rec storage.Record) mark {
	var m mark
	body, err := envelope.OpenBody(p.c.keys, rec)
	if err != nil || json.Unmarshal(body, &m) != nil {
		return mark{Order: math.MaxInt64, Time: math.MaxInt64}
	}
	return m
}

// authTime is when the user proved who they are, in Unix seconds, or 0 if the
// ID token does not say.
func authTime(id *provider.IDToken) int64 {
	if id.AuthTime.IsZero() {
		return 0
	}
	return id.AuthTime.Unix()
}
