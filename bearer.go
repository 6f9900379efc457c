package passport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/marks"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/storage"
)

// BearerKind says what a bearer token is.
type BearerKind string

// The kinds of bearer token.
const (
	BearerIDToken     BearerKind = "id_token"     // for this client: its aud is Config.ClientID
	BearerAccessToken BearerKind = "access_token" // for this API: its aud is Config.Audience
)

// Bearer is a verified bearer token: who sent a request.
type Bearer struct {
	// Kind says whether it is an ID token or an access token. Check it if the
	// API accepts only one of them.
	Kind BearerKind

	// Subject is the user (sub). SID is the Passport session (sid), or empty:
	// the access tokens of most providers have none.
	Subject string
	SID     string

	// Issued and Expiry are the token's iat and exp, by the provider's clock.
	Issued time.Time
	Expiry time.Time

	// Scopes are the scopes of an access token: the claim scope, or scp.
	Scopes []string

	hash    string // of the token
	payload []byte
}

// HasScope reports whether the token has a scope. An ID token has none.
func (b Bearer) HasScope(scope string) bool { return slices.Contains(b.Scopes, scope) }

// Claims decodes the claims into v, a pointer to a map or to a struct with json tags.
// Names are case-sensitive. A claim whose type does not match its field is left out. The
// error of a Bearer that was not verified is ErrNoBearer.
func (b Bearer) Claims(v any) error {
	if b.payload == nil {
		return ErrNoBearer
	}
	return jwt.Unmarshal(b.payload, v)
}

// Format prints the kind and the user, and nothing else, whatever the verb.
func (b Bearer) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.Bearer("+string(b.Kind)+" of "+b.Subject+")")
}

// LogValue is Format for slog.
func (b Bearer) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(b)) }

// VerifyBearer verifies a token that a program sent to this API: an ID token whose aud
// is Config.ClientID, or an access token whose aud is Config.Audience and which was
// issued to Config.ClientID. It requires Config.BearerTokens. A token of a user who
// has signed out since it was issued is refused, on every instance that shares the
// Store:
//
//   - a logout of one session (Logout, EndSession, a back-channel logout with a sid,
//     EndBearer) ends the tokens with its sid, and the user's tokens without a sid,
//     since they may belong to that session;
//   - a logout of a user (EndSessions, a back-channel logout with only a sub) ends all
//     tokens of the user.
//
// Tokens issued by a later login are accepted at once.
//
// Each token's signature is verified once, and the result is cached for up to an hour.
// A call makes one look-up in the Store for a token without a sid, and two concurrent
// ones for a token with a sid.
//
// ErrNoBearer: the token is empty. ErrBearerInvalid: it is not valid, or has expired.
// ErrBearerSignedOut, which matches ErrBearerInvalid too: its user has signed out.
// ErrStoreUnavailable, ErrKeysUnavailable: it cannot be verified right now.
func (p *Passport) VerifyBearer(ctx context.Context, token Secret) (Bearer, error) {
	b, err := p.verifyBearer(ctx, token)
	p.counts.countBearer(err)
	return b, err
}

func (p *Passport) verifyBearer(ctx context.Context, token Secret) (Bearer, error) {
	b, err := p.verifyToken(ctx, token)
	if err != nil {
		return Bearer{}, err
	}
	dead, err := p.hasSignedOut(ctx, b.Subject, marks.Token{Hash: b.hash, SID: b.SID, Issued: b.Issued})
	if err != nil {
		return Bearer{}, err
	}
	if dead {
		return Bearer{}, ErrBearerSignedOut
	}
	return b, nil
}

// VerifyAuthorization is VerifyBearer for the values of an Authorization header, of
// which there may be at most one. A gRPC interceptor calls it with
// md.Get("authorization")... and a Connect interceptor with
// header.Values("Authorization")...
//
// ErrNoBearer: there is no header, or it has another scheme.
func (p *Passport) VerifyAuthorization(ctx context.Context, authorization ...string) (Bearer, error) {
	token, err := bearerOf(authorization)
	if err != nil {
		return Bearer{}, err
	}
	return p.VerifyBearer(ctx, token)
}

// EndBearer logs out the user of a bearer token. It is for pages that keep their
// session in the JavaScript SDK. From then on, every instance refuses the token and
// the others of its session. The token must be valid; if its user has already signed
// out, EndBearer does nothing. It does not end app sessions, refresh tokens or the
// Passport session: the page ends those. Errors are as for [Passport.VerifyBearer].
func (p *Passport) EndBearer(ctx context.Context, token Secret) error {
	b, err := p.VerifyBearer(ctx, token)
	if errors.Is(err, ErrBearerSignedOut) {
		return nil
	}
	if err != nil {
		return err
	}
	l := p.newMarks()
	l.Session(b.Subject, b.SID, b.Issued)
	return p.markBearers(ctx, l)
}

// verifyToken verifies the token alone, not whether its user has signed out.
func (p *Passport) verifyToken(ctx context.Context, token Secret) (Bearer, error) {
	if !p.c.BearerTokens {
		return Bearer{}, errBearerOff
	}
	if token == "" {
		return Bearer{}, ErrNoBearer
	}
	if len(token) > provider.MaxBearerToken {
		return Bearer{}, fmt.Errorf("%w: it is too long", ErrBearerInvalid)
	}
	hash := hashOfToken(token)
	t, known := p.verified.Get(hash, p.c.Now())
	if !known {
		var err error
		t, err = p.provider.VerifyBearerToken(ctx, token.Reveal())
		if errors.Is(err, provider.ErrKeys) {
			return Bearer{}, keysError(err)
		}
		if err != nil {
			return Bearer{}, fmt.Errorf("%w: %w", ErrBearerInvalid, err)
		}
		p.verified.Put(hash, t, len(token), p.c.Now())
	}
	now := p.c.Now().Add(-p.c.ClockLeeway)
	if !t.Expiry.After(now) || !t.Issued.Add(p.c.BearerLifetime).After(now) {
		return Bearer{}, fmt.Errorf("%w: it has expired", ErrBearerInvalid)
	}
	return bearerFrom(t, hash), nil
}

func bearerFrom(t provider.BearerToken, hash string) Bearer {
	b := Bearer{
		Kind: BearerIDToken, Subject: t.Subject, SID: t.SID, Issued: t.Issued, Expiry: t.Expiry,
		Scopes: slices.Clone(t.Scopes), hash: hash, payload: t.Payload,
	}
	if t.Access {
		b.Kind = BearerAccessToken
	}
	return b
}

// hashOfToken identifies a token where the token itself must not be kept.
func hashOfToken(token Secret) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return string(sum[:])
}

// bearerOf reads the token in the values of an Authorization header (RFC 6750 §2.1).
func bearerOf(authorization []string) (Secret, error) {
	if len(authorization) == 0 {
		return "", ErrNoBearer
	}
	if len(authorization) > 1 {
		return "", errBearerRequest
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoBearer
	}
	token = strings.Trim(token, " ")
	if token == "" || strings.ContainsAny(token, " \t,") {
		return "", errBearerRequest
	}
	return Secret(token), nil
}

// newMarks are those of a logout that happens now.
func (p *Passport) newMarks() *marks.Logout { return marks.NewLogout(p.provider.Clock()) }

// endBearersOf marks the ends of sessions. It does nothing without Config.BearerTokens.
func (p *Passport) endBearersOf(ctx context.Context, sessions ...storage.Record) error {
	if !p.c.BearerTokens || len(sessions) == 0 {
		return nil
	}
	return p.endBearersBy(ctx, p.newMarks(), sessions...)
}

// endBearersBy is endBearersOf for a logout that was asked for at another moment, or nil.
// Records without an ID do not count.
func (p *Passport) endBearersBy(ctx context.Context, asked *marks.Logout, sessions ...storage.Record) error {
	if asked == nil {
		return nil
	}
	l := asked.Again()
	for _, rec := range sessions {
		if rec.ID == "" {
			continue
		}
		l.Session(rec.Subject, rec.SID, p.newestIn(rec))
	}
	return p.markBearers(ctx, l)
}

// endBearersMatching marks the end of everything that m selects, not only of the
// sessions that were removed: tokens may belong to sessions that only the JavaScript
// SDK knows.
func (p *Passport) endBearersMatching(ctx context.Context, m storage.Match, removed []storage.Record) error {
	if !p.c.BearerTokens {
		return nil
	}
	l := p.newMarks()
	if m.Except != "" {
		var err error
		if l.Spared, err = p.namesOfSession(ctx, m.Except); err != nil {
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
			l.Session(rec.Subject, rec.SID, issued)
		}
	}
	if m.SID != "" {
		l.Session(m.Subject, m.SID, newest)
	} else {
		l.User(m.Subject, newest)
	}
	return p.markBearers(ctx, l)
}

// endBearersByToken marks what a provider's logout token ends, by the provider's
// clock.
func (p *Passport) endBearersByToken(ctx context.Context, t provider.LogoutToken) error {
	if !p.c.BearerTokens {
		return nil
	}
	l := marks.NewLogout(t.IssuedAt)
	if t.SID != "" {
		l.Session(t.Subject, t.SID, t.IssuedAt)
	} else {
		l.User(t.Subject, t.IssuedAt)
	}
	return p.markBearers(ctx, l)
}

// newestIn returns when the newest token of a session was issued, or zero if none
// says so.
func (p *Passport) newestIn(rec storage.Record) time.Time {
	t, err := openTokens(p.records, rec)
	if err != nil {
		return time.Time{}
	}
	_, newest := t.issuedAt()
	return newest
}

// issuedAt returns when the oldest and the newest of the tokens were issued, or zero if
// none says so. The two of one response may be of different seconds.
func (t tokens) issuedAt() (oldest, newest time.Time) {
	oldest, newest = provider.IssuedAt(t.IDToken.Reveal()), provider.IssuedAt(t.AccessToken.Reveal())
	if newest.IsZero() {
		return oldest, oldest
	}
	if oldest.IsZero() {
		return newest, newest
	}
	if newest.Before(oldest) {
		return newest, oldest
	}
	return oldest, newest
}

// namesOfSession returns the names by which marks spare what belongs to a session.
func (p *Passport) namesOfSession(ctx context.Context, id string) ([]string, error) {
	if !p.records.Owns(id) {
		return nil, nil
	}
	rec, err := p.records.Load(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := openTokens(p.records, rec)
	if err != nil {
		return nil, nil
	}
	names := p.namesOfTokens(t)
	if rec.SID != "" {
		names = append(names, p.signedOut.SIDName(rec.SID))
	}
	return names, nil
}

func (p *Passport) namesOfTokens(t tokens) []string {
	var names []string
	for _, token := range []Secret{t.IDToken, t.AccessToken} {
		if token != "" {
			names = append(names, p.signedOut.TokenName(hashOfToken(token)))
		}
	}
	return names
}

// markBearers stores the marks of a logout, even if the request is cancelled. A mark
// that cannot be stored is retried, and until it is stored, this instance accepts no
// token that it might end.
func (p *Passport) markBearers(ctx context.Context, l *marks.Logout) error {
	ctx, cancel := p.records.Bound(ctx)
	defer cancel()
	var errs []error
	var unsafe error
	for owner, m := range l.Marks {
		err := p.signedOut.Mark(ctx, owner, m)
		switch {
		case notSafe(err):
			p.unsafeBearerMark(owner, m)
			unsafe = err
		case err != nil:
			p.retries.Add(p.signedOut.ID(owner), &unstoredMark{p, owner, m})
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return storeError(err)
	}
	return unsafe
}

// unstoredMark is a mark that is yet to be stored.
type unstoredMark struct {
	p     *Passport
	owner marks.Owner
	marks marks.Bearers
}

func (m *unstoredMark) Do(ctx context.Context) error {
	err := m.p.signedOut.Mark(ctx, m.owner, m.marks)
	if notSafe(err) { // it is in force, so no token has to wait for it
		m.p.unsafeBearerMark(m.owner, m.marks)
		return nil
	}
	return err
}

func (m *unstoredMark) After(older retry.Job) retry.Job {
	if older, ok := older.(*unstoredMark); ok {
		m.marks = older.marks.Moved(m.marks)
	}
	return m
}

func (m *unstoredMark) Loses() bool { return false }

// unsafeBearerMark is [unstoredMark] for one that is stored, and in force, but may be
// undone.
func (p *Passport) unsafeBearerMark(owner marks.Owner, m marks.Bearers) {
	p.retries.Add("bearer "+string(owner), &unstoredMark{p, owner, m})
}

// hasSignedOut reports whether the user of a token has signed out since it was
// issued. It makes its two look-ups concurrently, unless the store is in this process.
func (p *Passport) hasSignedOut(ctx context.Context, subject string, t marks.Token) (bool, error) {
	if t.SID == "" {
		return p.endedBy(ctx, marks.OfSubject(subject), t)
	}
	if p.records.InProcess() {
		dead, err := p.endedBy(ctx, marks.OfSID(t.SID), t)
		if dead || err != nil {
			return dead, err
		}
		return p.endedBy(ctx, marks.OfSubject(subject), t)
	}
	var bySID bool
	var errSID error
	var both sync.WaitGroup
	both.Go(func() { bySID, errSID = p.endedBy(ctx, marks.OfSID(t.SID), t) })
	dead, err := p.endedBy(ctx, marks.OfSubject(subject), t)
	both.Wait()
	return dead || bySID, errors.Join(err, errSID)
}

// endedBy reports whether an owner's marks end a token.
func (p *Passport) endedBy(ctx context.Context, owner marks.Owner, t marks.Token) (bool, error) {
	id := p.signedOut.ID(owner)
	if p.retries.Waits(id) { // before the look-up, because it may be stored meanwhile
		return false, storeError(errMarkWaits)
	}
	dead, err := p.signedOut.Ends(ctx, id, t)
	if err != nil {
		return false, storeError(err)
	}
	return dead, nil
}

// liftMarks exempts the tokens of a login that began after the logouts that are
// marked. Without that, tokens issued in the same second as a logout are refused.
func (p *Passport) liftMarks(ctx context.Context, t tokens, subject, sid string, begun int64) error {
	if !p.c.BearerTokens {
		return nil
	}
	return p.forOwners(ctx, subject, sid, p.issueOf(t, begun), p.signedOut.Lift)
}

// spareRefreshed is liftMarks for the tokens of a session that were refreshed. What the
// refresh has not brought is as it was in old.
func (p *Passport) spareRefreshed(ctx context.Context, rec storage.Record, old, t tokens, begun int64) error {
	if !p.c.BearerTokens {
		return nil
	}
	if t.IDToken == old.IDToken {
		t.IDToken = ""
	}
	return p.forOwners(ctx, rec.Subject, rec.SID, p.issueOf(t, begun), p.signedOut.Spare)
}

func (p *Passport) issueOf(t tokens, begun int64) marks.Issue {
	oldest, _ := t.issuedAt()
	return marks.Issue{Begun: begun, Issued: oldest.Unix(), Names: p.namesOfTokens(t)}
}

func (p *Passport) forOwners(ctx context.Context, subject, sid string, by marks.Issue, edit func(context.Context, marks.Owner, marks.Issue) error) error {
	owners := []marks.Owner{marks.OfSubject(subject)}
	if sid != "" {
		owners = append(owners, marks.OfSID(sid))
	}
	for _, owner := range owners {
		if err := edit(ctx, owner, by); err != nil {
			return storeError(err)
		}
	}
	return nil
}
