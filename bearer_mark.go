package passport

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/storage"
)

// A logout leaves marks for the bearer tokens that it ends, for as long as these could
// live: one for the sid and one for the user. A mark says up to which second, by the
// provider's clock, the tokens were issued that are dead. That is the iat of the newest
// token known of the ended session, or the provider's time at the logout if that is
// later.
//
// Times of tokens are whole seconds, and the provider's time is known to the second
// alone. So a login that was begun after the logout lifts what is in its way: its
// tokens are spared, and the mark moves back to their iat, for whatever was issued
// before the logout has an earlier one, or the same.

// bearerMark ends the tokens that were issued up to a moment.
type bearerMark struct {
	Time   int64    `json:"time"`             // the provider's, in Unix seconds; 0: none
	Order  int64    `json:"order"`            // of the logout: ours, in Unix nanoseconds
	Spared []string `json:"spared,omitempty"` // names of tokens and sids; see spareName
}

// bearerMarks stand in one record: of a sid, or of a user.
type bearerMarks struct {
	All  bearerMark `json:"all"`
	Bare bearerMark `json:"bare"` // tokens without a sid; of a user alone
}

// mostSpared bounds what one mark spares: the tokens of logins in the same second.
const mostSpared = 32

// ends reports whether a mark ends a token.
func (m bearerMark) ends(issued int64, names []string) bool {
	return issued <= m.Time && !slices.ContainsFunc(m.Spared, func(s string) bool { return slices.Contains(names, s) })
}

// moved is m after another logout.
func (m bearerMark) moved(by bearerMark) bearerMark {
	if by.Time == 0 {
		return m
	}
	if by.Order > m.Order {
		m.Order, m.Spared = by.Order, by.Spared
	}
	m.Time = max(m.Time, by.Time)
	return m
}

func (m bearerMarks) moved(by bearerMarks) bearerMarks {
	return bearerMarks{All: m.All.moved(by.All), Bare: m.Bare.moved(by.Bare)}
}

// lifted is m after a login that was begun later, whose tokens were issued at a moment.
func (m bearerMark) lifted(begun, issued int64, names []string) (bearerMark, bool) {
	if begun <= m.Order || issued <= 0 || issued > m.Time {
		return m, false
	}
	m.Time = issued
	m.Spared = append(slices.Clone(m.Spared), names...)
	m.Spared = m.Spared[max(len(m.Spared)-mostSpared, 0):]
	return m, true
}

// bearerLogout is what a logout marks, by the keys of the records.
type bearerLogout struct {
	order  int64
	now    int64    // the provider's time in Unix seconds; 0: not known
	spared []string // names that no mark is about
	marks  map[Secret]bearerMarks
}

func bearerSID(sid string) Secret         { return Secret("sid " + sid) }
func bearerSubject(subject string) Secret { return Secret("sub " + subject) }

func (p *Passport) newBearerLogout() *bearerLogout {
	l := &bearerLogout{order: time.Now().UnixNano(), marks: map[Secret]bearerMarks{}}
	if now := p.provider.Clock(); !now.IsZero() {
		l.now = now.Unix()
	}
	return l
}

// at makes a mark for tokens issued up to a moment, or up to the logout.
func (l *bearerLogout) at(newest time.Time) bearerMark {
	t := l.now
	if !newest.IsZero() {
		t = max(t, newest.Unix())
	}
	if t <= 0 { // nothing is known of the provider's clock
		t = l.order / int64(time.Second)
	}
	return bearerMark{Time: t, Order: l.order, Spared: l.spared}
}

// session ends the tokens of one session, whose newest was issued at a moment.
func (l *bearerLogout) session(subject, sid string, newest time.Time) *bearerLogout {
	m := l.at(newest)
	if sid != "" {
		l.add(bearerSID(sid), bearerMarks{All: m})
	}
	if subject != "" {
		l.add(bearerSubject(subject), bearerMarks{Bare: m})
	}
	return l
}

// user ends all tokens of a user, whose newest known was issued at a moment.
func (l *bearerLogout) user(subject string, newest time.Time) *bearerLogout {
	l.add(bearerSubject(subject), bearerMarks{All: l.at(newest)})
	return l
}

func (l *bearerLogout) add(key Secret, m bearerMarks) {
	l.marks[key] = l.marks[key].moved(m)
}

// spareName is how a mark names a token, or a sid. It leads back to neither.
func (p *Passport) spareName(kind, secret string) string {
	return p.storeID(storage.Kind("bearer-"+kind), Secret(secret))
}

func (p *Passport) spareToken(hash string) string {
	return p.spareName("token", base64.RawURLEncoding.EncodeToString([]byte(hash)))
}

// namesOf are those by which a mark may spare a token.
func (p *Passport) namesOf(b *Bearer) []string {
	names := []string{p.spareToken(b.hash)}
	if b.SID != "" {
		names = append(names, p.spareName("sid", b.SID))
	}
	return names
}

// sparedTokens are the names of a session's tokens.
func (p *Passport) sparedTokens(t tokens) []string {
	var names []string
	for _, token := range []Secret{t.IDToken, t.AccessToken} {
		if token != "" {
			names = append(names, p.spareToken(hashOfToken(token)))
		}
	}
	return names
}

// newestOf is when the newest of a session's tokens was issued, as far as they tell.
func newestOf(t tokens) time.Time {
	newest := provider.IssuedAt(t.IDToken.Reveal())
	if issued := provider.IssuedAt(t.AccessToken.Reveal()); issued.After(newest) {
		newest = issued
	}
	return newest
}

// endBearersOf marks the ends of sessions. It does nothing without Config.BearerTokens.
func (p *Passport) endBearersOf(ctx context.Context, records ...storage.Record) error {
	if !p.c.BearerTokens || len(records) == 0 {
		return nil
	}
	l := p.newBearerLogout()
	for _, rec := range records {
		l.session(rec.Subject, rec.SID, p.newestIn(rec))
	}
	return p.markBearers(ctx, l.marks)
}

func (p *Passport) newestIn(rec storage.Record) time.Time {
	t, err := openTokens(p.c.keys, rec)
	if err != nil {
		return time.Time{}
	}
	return newestOf(t)
}

// endBearersMatching marks the end of all that m selects, with the sessions that were
// removed: tokens may belong to sessions that live in the JavaScript SDK alone.
func (p *Passport) endBearersMatching(ctx context.Context, m storage.Match, removed []storage.Record) error {
	if !p.c.BearerTokens {
		return nil
	}
	l := p.newBearerLogout()
	if m.Except != "" {
		var err error
		if l.spared, err = p.sparedSession(ctx, m.Except); err != nil {
			return storeError(err)
		}
	}
	var newest time.Time
	for _, rec := range removed {
		issued := p.newestIn(rec)
		if issued.After(newest) {
			newest = issued
		}
		if m.SID != "" {
			l.session(rec.Subject, rec.SID, issued)
		}
	}
	if m.SID != "" {
		l.session(m.Subject, m.SID, newest)
	} else {
		l.user(m.Subject, newest)
	}
	return p.markBearers(ctx, l.marks)
}

// sparedSession names what belongs to a session that is to live on.
func (p *Passport) sparedSession(ctx context.Context, id string) ([]string, error) {
	if !p.c.tenant.Owns(id) {
		return nil, nil
	}
	rec, err := p.load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := openTokens(p.c.keys, rec)
	if err != nil {
		return nil, nil
	}
	names := p.sparedTokens(t)
	if rec.SID != "" {
		names = append(names, p.spareName("sid", rec.SID))
	}
	return names, nil
}

// endBearersByToken marks what a provider's logout token says, by the provider's own
// time.
func (p *Passport) endBearersByToken(ctx context.Context, t provider.LogoutToken) error {
	if !p.c.BearerTokens {
		return nil
	}
	l := p.newBearerLogout()
	l.now = t.IssuedAt.Unix()
	if t.SID != "" {
		return p.markBearers(ctx, l.session(t.Subject, t.SID, t.IssuedAt).marks)
	}
	return p.markBearers(ctx, l.user(t.Subject, t.IssuedAt).marks)
}

// markBearers stores marks. The request does not end it. A mark that the store cannot
// take waits here, and until it is stored, this instance vouches for no token that it
// is about.
func (p *Passport) markBearers(ctx context.Context, marks map[Secret]bearerMarks) error {
	ctx, cancel := p.storeCall(ctx)
	defer cancel()
	var errs []error
	for key, m := range marks {
		if err := p.markBearer(ctx, key, m); err != nil {
			p.retries.addBearerMark(p.bearerRecord(key).ID, key, m)
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return storeError(err)
	}
	return nil
}

func (p *Passport) bearerRecord(key Secret) storage.Record {
	return p.newRecord(storage.KindBearerMark, key)
}

// markBearer stores one mark, or moves the one that is there.
func (p *Passport) markBearer(ctx context.Context, key Secret, by bearerMarks) error {
	rec, there := p.bearerRecord(key), bearerMarks{}
	for {
		err := p.saveMarks(ctx, rec, there.moved(by))
		if !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if rec.Revision, there, err = p.loadMarks(ctx, rec.ID); err != nil {
			return err
		}
	}
}

func (p *Passport) saveMarks(ctx context.Context, rec storage.Record, m bearerMarks) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	// A token is good from up to ClockLeeway before its iat until as long after its
	// end.
	rec.Expiry = p.c.Now().Add(p.c.BearerLifetime + 2*p.c.ClockLeeway + time.Minute)
	_, err = p.store.Save(ctx, envelope.Seal(p.c.keys, rec, head{}, body))
	return err
}

// loadMarks returns what is marked in a record: at revision 0 if there is none. One
// that cannot be read ends every token.
func (p *Passport) loadMarks(ctx context.Context, id string) (revision uint64, m bearerMarks, err error) {
	rec, err := p.store.Load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, bearerMarks{}, nil
	}
	if err != nil {
		return 0, bearerMarks{}, err
	}
	body, err := envelope.OpenBody(p.c.keys, rec)
	if err != nil || json.Unmarshal(body, &m) != nil {
		always := bearerMark{Time: math.MaxInt64, Order: math.MaxInt64}
		return rec.Revision, bearerMarks{All: always, Bare: always}, nil
	}
	return rec.Revision, m, nil
}

// signedOut reports whether the user of a token has signed out since it was issued.
func (p *Passport) signedOut(ctx context.Context, b *Bearer) (bool, error) {
	if !p.inProcess {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	if b.SID == "" {
		return p.endedBy(ctx, bearerSubject(b.Subject), b)
	}
	if p.inProcess {
		dead, err := p.endedBy(ctx, bearerSID(b.SID), b)
		if dead || err != nil {
			return dead, err
		}
		return p.endedBy(ctx, bearerSubject(b.Subject), b)
	}
	var bySID bool
	var errSID error
	var both sync.WaitGroup
	both.Go(func() { bySID, errSID = p.endedBy(ctx, bearerSID(b.SID), b) })
	dead, err := p.endedBy(ctx, bearerSubject(b.Subject), b)
	both.Wait()
	return dead || bySID, errors.Join(err, errSID)
}

// endedBy reports whether the marks under a key end a token.
func (p *Passport) endedBy(ctx context.Context, key Secret, b *Bearer) (bool, error) {
	id := p.bearerRecord(key).ID
	if p.retries.waits(id) { // before it is looked for, for it may be stored meanwhile
		return false, storeError(errMarkWaits)
	}
	revision, m, err := p.loadMarks(ctx, id)
	if err != nil {
		return false, storeError(err)
	}
	if revision == 0 {
		return false, nil
	}
	issued, names := b.Issued.Unix(), p.namesOf(b)
	return m.All.ends(issued, names) || b.SID == "" && m.Bare.ends(issued, names), nil
}

// liftMarks lets the tokens of a login through that was begun after the logouts which
// are marked. A login that is not known to the store in this way has to wait for the
// next second.
func (p *Passport) liftMarks(ctx context.Context, t tokens, subject, sid string, begun int64) error {
	if !p.c.BearerTokens {
		return nil
	}
	keys := []Secret{bearerSubject(subject)}
	if sid != "" {
		keys = append(keys, bearerSID(sid))
	}
	issued, names := provider.IssuedAt(t.IDToken.Reveal()), p.sparedTokens(t)
	for _, key := range keys {
		if err := p.liftMark(ctx, key, begun, issued.Unix(), names); err != nil {
			return storeError(err)
		}
	}
	return nil
}

func (p *Passport) liftMark(ctx context.Context, key Secret, begun, issued int64, names []string) error {
	rec := p.bearerRecord(key)
	for {
		revision, m, err := p.loadMarks(ctx, rec.ID)
		if err != nil || revision == 0 {
			return err
		}
		all, liftsAll := m.All.lifted(begun, issued, names)
		bare, liftsBare := m.Bare.lifted(begun, issued, names)
		if !liftsAll && !liftsBare {
			return nil
		}
		rec.Revision = revision
		err = p.saveMarks(ctx, rec, bearerMarks{All: all, Bare: bare})
		if !errors.Is(err, storage.ErrConflict) && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
}
