package marks

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/storage"
)

// A logout leaves marks for the bearer tokens that it ends, for as long as these may
// live: one for the sid and one for the user. A mark says up to which second, by the
// provider's clock, the tokens were issued that are dead. That is the iat of the
// newest token known of the ended session, or the provider's time at the logout if
// that is later.
//
// Times of tokens are whole seconds, and the provider's time is known to the second
// alone. So a login that began after the logout lifts what is in its way: its tokens
// are spared, and the mark moves back to their iat, because whatever was issued
// before the logout has an earlier iat, or the same. The tokens of a refresh that began
// after the logout are spared, too: its session lives on.

// Bearer ends the tokens that were issued up to a moment.
type Bearer struct {
	Time   int64    `json:"time"`             // the provider's, in Unix seconds; 0: none
	Order  int64    `json:"order"`            // of the logout: ours, in Unix nanoseconds
	Spared []string `json:"spared,omitempty"` // names of tokens and sids
}

// mostSpared bounds what one mark spares: the tokens of logins in the same second.
const mostSpared = 32

// ends reports whether a mark ends a token.
func (m Bearer) ends(issued int64, names []string) bool {
	return issued <= m.Time && !slices.ContainsFunc(m.Spared, func(s string) bool { return slices.Contains(names, s) })
}

// moved is m after another logout.
func (m Bearer) moved(by Bearer) Bearer {
	if by.Time == 0 {
		return m
	}
	if by.Order > m.Order {
		m.Order, m.Spared = by.Order, by.Spared
	}
	m.Time = max(m.Time, by.Time)
	return m
}

// lifted is m after a login that began later.
func (m Bearer) lifted(by Issue) (Bearer, bool) {
	m, spares := m.sparing(by)
	if spares {
		m.Time = by.Issued
	}
	return m, spares
}

// sparing is m after a refresh that began later.
func (m Bearer) sparing(by Issue) (Bearer, bool) {
	if by.Begun <= m.Order || by.Issued <= 0 || by.Issued > m.Time {
		return m, false
	}
	m.Spared = append(slices.Clone(m.Spared), by.Names...)
	m.Spared = m.Spared[max(len(m.Spared)-mostSpared, 0):]
	return m, true
}

// Bearers are the marks in one record: of a sid, or of a user.
type Bearers struct {
	All  Bearer `json:"all"`
	Bare Bearer `json:"bare"` // tokens without a sid; of a user alone
}

// Moved is m after another logout.
func (m Bearers) Moved(by Bearers) Bearers {
	return Bearers{All: m.All.moved(by.All), Bare: m.Bare.moved(by.Bare)}
}

// Logout collects what one logout marks.
type Logout struct {
	Order  int64             // when it happened: ours, in Unix nanoseconds
	Now    int64             // the provider's time in Unix seconds; 0: not known
	Spared []string          // names that no mark is about
	Marks  map[Owner]Bearers // what has been collected
}

// Owner is whose tokens a record's marks are about.
type Owner string

// OfSID and OfSubject are the owners.
func OfSID(sid string) Owner { return Owner("sid " + sid) }

// OfSubject is a user, by the sub.
func OfSubject(subject string) Owner { return Owner("sub " + subject) }

// NewLogout returns a logout that happens now. provider is the provider's time, or
// zero if it is not known.
func NewLogout(provider time.Time) *Logout {
	l := &Logout{Order: time.Now().UnixNano(), Marks: map[Owner]Bearers{}}
	if !provider.IsZero() {
		l.Now = provider.Unix()
	}
	return l
}

// Again is the same logout, which has collected nothing yet.
func (l *Logout) Again() *Logout {
	return &Logout{Order: l.Order, Now: l.Now, Spared: l.Spared, Marks: map[Owner]Bearers{}}
}

// Session ends the tokens of one session, the newest of which was issued at a
// moment.
func (l *Logout) Session(subject, sid string, newest time.Time) {
	m := l.at(newest)
	if sid != "" {
		l.add(OfSID(sid), Bearers{All: m})
	}
	if subject != "" {
		l.add(OfSubject(subject), Bearers{Bare: m})
	}
}

// User ends all tokens of a user, the newest known of which was issued at a moment.
func (l *Logout) User(subject string, newest time.Time) {
	l.add(OfSubject(subject), Bearers{All: l.at(newest)})
}

// at makes a mark for tokens issued up to a moment, or up to the logout.
func (l *Logout) at(newest time.Time) Bearer {
	t := l.Now
	if !newest.IsZero() {
		t = max(t, newest.Unix())
	}
	if t <= 0 { // nothing is known of the provider's clock, which may be in the next second already
		t = l.Order/int64(time.Second) + 1
	}
	return Bearer{Time: t, Order: l.Order, Spared: l.Spared}
}

func (l *Logout) add(owner Owner, m Bearers) { l.Marks[owner] = l.Marks[owner].Moved(m) }

// Issue is a login, or a refresh, that began after a logout, and whose tokens are good.
type Issue struct {
	Begun  int64    // ours, in Unix nanoseconds
	Issued int64    // when the first of its tokens was issued: the provider's, in Unix seconds
	Names  []string // of its tokens
}

// BearerBook keeps the marks of bearer tokens in the store.
type BearerBook struct {
	Records *records.Records
	Now     func() time.Time
	Life    time.Duration // how long a mark is kept
}

// TokenName is how a mark names a token, by its hash, and SIDName a sid. A name leads
// back to neither.
func (b *BearerBook) TokenName(hash string) string {
	return b.name("token", base64.RawURLEncoding.EncodeToString([]byte(hash)))
}

// SIDName is how a mark names a sid.
func (b *BearerBook) SIDName(sid string) string { return b.name("sid", sid) }

func (b *BearerBook) name(kind, secret string) string {
	return b.Records.ID(storage.Kind("bearer-"+kind), secret)
}

// ID is that of the record with an owner's marks.
func (b *BearerBook) ID(owner Owner) string { return b.record(owner).ID }

func (b *BearerBook) record(owner Owner) storage.Record {
	return b.Records.New(storage.KindBearerMark, string(owner))
}

// Mark stores an owner's marks, or moves those that are there.
//
// Marks that cannot be read are replaced by ones that end at least as much, since they
// are about earlier logouts.
func (b *BearerBook) Mark(ctx context.Context, owner Owner, by Bearers) error {
	return b.Records.Upsert(ctx, b.record(owner), func(rec storage.Record) (storage.Record, bool, error) {
		m, ok := b.read(rec)
		if !ok {
			all := by.All.moved(by.Bare)
			m = Bearers{All: all, Bare: all}
		}
		return b.sealed(rec, m.Moved(by))
	})
}

// Lift lets the tokens of a login through that began after the logouts which are
// marked.
func (b *BearerBook) Lift(ctx context.Context, owner Owner, by Issue) error {
	return b.amend(ctx, owner, by, Bearer.lifted)
}

// Spare lets the tokens of a refresh through that began after the logouts which are
// marked, and of a session that was not ended by them.
func (b *BearerBook) Spare(ctx context.Context, owner Owner, by Issue) error {
	return b.amend(ctx, owner, by, Bearer.sparing)
}

func (b *BearerBook) amend(ctx context.Context, owner Owner, by Issue, edit func(Bearer, Issue) (Bearer, bool)) error {
	err := b.Records.Amend(ctx, b.ID(owner), func(rec storage.Record) (storage.Record, bool, error) {
		m, ok := b.read(rec)
		var editsAll, editsBare bool
		m.All, editsAll = edit(m.All, by)
		m.Bare, editsBare = edit(m.Bare, by)
		if !ok || !editsAll && !editsBare {
			return rec, false, nil
		}
		return b.sealed(rec, m)
	})
	if records.NotReplicated(err) {
		return nil // if it is lost, the tokens have to be refreshed
	}
	return err
}

// Ends reports whether an owner's marks end a token. Marks that cannot be read end every
// token.
func (b *BearerBook) Ends(ctx context.Context, id string, t Token) (bool, error) {
	rec, err := b.Records.Load(ctx, id)
	if err != nil {
		return false, missing(err)
	}
	m, ok := b.read(rec)
	if !ok {
		return true, nil
	}
	issued := t.Issued.Unix()
	names := []string{b.TokenName(t.Hash)}
	if t.SID != "" {
		names = append(names, b.SIDName(t.SID))
	}
	return m.All.ends(issued, names) || t.SID == "" && m.Bare.ends(issued, names), nil
}

// Token is what a mark has to know of a token.
type Token struct {
	Hash   string
	SID    string // or empty
	Issued time.Time
}

func (b *BearerBook) sealed(rec storage.Record, m Bearers) (storage.Record, bool, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return rec, false, err
	}
	from := b.Now()
	if latest := time.Unix(max(m.All.Time, m.Bare.Time), 0); latest.After(from) {
		from = latest // the provider's clock is ahead, and so is what it issues
	}
	rec.Expiry = from.Add(b.Life)
	return b.Records.Seal(rec, body), true, nil
}

// read returns what is marked in a record: nothing if it is new. It reports false if the
// record cannot be read.
func (b *BearerBook) read(rec storage.Record) (m Bearers, ok bool) {
	if rec.Revision == 0 {
		return m, true
	}
	body, err := b.Records.Open(rec)
	if err != nil || json.Unmarshal(body, &m) != nil {
		return Bearers{}, false
	}
	return m, true
}
