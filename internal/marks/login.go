package marks

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// A logout by the provider can overtake the login that it is about: the session is
// not stored yet when the logout token comes. So a logout leaves a mark, the moment T
// at which it came, and a login that began before T looks for it after it has stored
// its session. Whichever of the two comes second sees the other.
//
// A mark concerns only logins that began before T, so it blocks nobody's next login,
// and no login needs to remove it.

// moment is that of a provider's logout, by two clocks: ours, which tells what came
// first here (not Config.Now, which a test may let stand still); and the provider's,
// which its own times are compared with.
type moment struct {
	Order int64 `json:"order"` // Unix nanoseconds
	Time  int64 `json:"time"`  // Unix seconds
}

// LoginBook keeps the marks of provider's logouts in the store, for logins that they
// overtake.
type LoginBook struct {
	Records *records.Records
	Now     func() time.Time
	Life    time.Duration // how long a mark is kept: longer than any login takes
}

func (b *LoginBook) record(owner Owner) storage.Record {
	return b.Records.New(storage.KindLogoutMark, string(owner))
}

// Mark leaves a mark for the owner of sessions, or moves one that is there forward.
// Logouts need not come in the order in which the provider issued them: each clock
// counts by itself.
func (b *LoginBook) Mark(ctx context.Context, owner Owner, issued time.Time) error {
	own := moment{Order: time.Now().UnixNano(), Time: issued.Unix()}
	return b.Records.Upsert(ctx, b.record(owner), func(rec storage.Record) (storage.Record, bool, error) {
		m := b.read(rec)
		if rec.Revision > 0 && m.Order >= own.Order && m.Time >= own.Time {
			return rec, false, nil // a later logout was faster
		}
		body, err := json.Marshal(moment{Order: max(m.Order, own.Order), Time: max(m.Time, own.Time)})
		if err != nil {
			return rec, false, err
		}
		rec.Expiry = b.Now().Add(b.Life)
		return b.Records.Seal(rec, body), true, nil
	})
}

// Overtook reports whether the provider logged an owner out after a login began
// (ours, in Unix nanoseconds), and before the user last gave credentials (the
// provider's time; zero if it is not known).
func (b *LoginBook) Overtook(ctx context.Context, owner Owner, begun int64, proved time.Time) (bool, error) {
	rec, err := b.Records.Load(ctx, b.record(owner).ID)
	if err != nil {
		return false, missing(err)
	}
	var at int64
	if !proved.IsZero() {
		at = proved.Unix()
	}
	m := b.read(rec)
	return begun <= m.Order && at <= m.Time, nil
}

// read reads a mark. One that cannot be read still counts.
func (b *LoginBook) read(rec storage.Record) (m moment) {
	if rec.Revision == 0 {
		return m
	}
	body, err := b.Records.Open(rec)
	if err != nil || json.Unmarshal(body, &m) != nil {
		return moment{Order: math.MaxInt64, Time: math.MaxInt64}
	}
	return m
}
