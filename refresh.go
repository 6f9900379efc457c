package passport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/passport-go/passport/internal/apiclient"
	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/storage"
)

// AccessToken returns an access token that is valid for at least 30 s, or for less
// if it cannot be refreshed now. While the token is still valid, it waits for the
// refresh for up to [Config.RefreshWait], and not at all while an earlier one of this
// session takes longer than that, or if the provider has to be given a rest. Concurrent
// callers share one refresh, on this instance and on others, and the new tokens are stored
// before they are returned. ctx bounds the caller's wait, not the refresh.
//
// ErrNoSession: the session has ended, possibly just now, because the auth domain
// rejected the refresh token. ErrTokenExpired: there is no refresh token. Any other
// error is temporary, and the session goes on.
func (s *Session) AccessToken(ctx context.Context) (Secret, error) {
	now := s.p.c.Now()
	access, err := s.readAccessToken(ctx)
	if err != nil {
		return "", err
	}
	if access.fresh(now) {
		return access.token, nil
	}
	t, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	if t.fresh(now) {
		return t.AccessToken, nil
	}
	if t.RefreshToken == "" {
		if now.Before(t.Expiry) {
			return t.AccessToken, nil
		}
		return "", ErrTokenExpired
	}
	if now.Before(t.Expiry) && s.p.slow.Has(s.ID()) {
		return t.AccessToken, nil
	}
	renewed, err := s.refresh(ctx, t, now)
	if err != nil {
		// This is what the margin of 30 s is for.
		if !errors.Is(err, ErrNoSession) && s.p.c.Now().Before(t.Expiry) {
			return t.AccessToken, nil
		}
		return "", err
	}
	s.renew(renewed)
	return renewed.AccessToken, nil
}

// renew takes over the refreshed tokens, and leaves the program's data as the session
// was looked up with it, or as SetData has set it since.
func (s *Session) renew(t tokens) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Data = s.tokens.Data
	s.tokens = &t
}

// Refresh fetches new tokens even if the session's tokens are still valid: for
// example when the user has just registered an address, to get an ID token that
// contains it. As with [Session.AccessToken], concurrent callers share one refresh,
// and ctx bounds the wait. Errors are as there, and one that wraps
// errors.ErrUnsupported if the session has no refresh token.
func (s *Session) Refresh(ctx context.Context) error {
	old, err := s.read(ctx)
	if err != nil {
		return err
	}
	if old.RefreshToken == "" {
		return fmt.Errorf("passport: the session has no refresh token: ask for the scope offline_access: %w", errors.ErrUnsupported)
	}
	renewed, err := s.p.refreshUnless(ctx, s.ID(), s.ID()+" again", func(t tokens) bool {
		return t.AccessToken != old.AccessToken && t.fresh(s.p.c.Now())
	})
	if err != nil {
		return err
	}
	s.renew(renewed)
	return nil
}

// UserInfo fetches the user's claims from the provider's UserInfo endpoint (OpenID
// Connect Core 1.0 §5.3) and decodes them into v, as [Session.Claims] does. It makes
// a request each time, with an access token that is refreshed when needed. Claims
// about another user are an error. errors.ErrUnsupported: the provider has no
// UserInfo endpoint.
func (s *Session) UserInfo(ctx context.Context, v any) error {
	token, err := s.AccessToken(ctx)
	if err != nil {
		return err
	}
	claims, err := s.p.provider.UserInfo(ctx, token.Reveal(), s.Subject())
	if err != nil {
		return providerError(err)
	}
	if err := jwt.Unmarshal([]byte(claims), v); err != nil {
		return fmt.Errorf("passport: the claims of the UserInfo endpoint cannot be decoded into %T: %w", v, err)
	}
	return nil
}

// Client returns an HTTP client for calls to Immutable's API on behalf of the
// user: each request carries the session's access token, refreshed when needed,
// and Config.PublishableKey. A request to any origin but Config.APIDomain fails
// before anything is sent, and so does a redirect to one. In a browser (js/wasm) every
// redirect fails, because the page does not learn where it leads.
//
// The client is based on Config.HTTPClient, without its cookies. It looks the
// session up for each request, so it works for as long as the session lives and
// returns ErrNoSession afterwards. The client of a nil Session always returns
// ErrNoSession.
func (s *Session) Client() *http.Client {
	if s == nil {
		none := func(context.Context) (string, error) { return "", ErrNoSession }
		return &http.Client{Transport: &apiclient.Transport{Token: none}}
	}
	client := *s.p.c.HTTPClient
	client.Jar = nil // one user's cookies are not another's
	client.Transport = &apiclient.Transport{
		Origin: s.p.c.apiDomain,
		Key:    s.p.c.PublishableKey,
		Token:  func(ctx context.Context) (string, error) { return s.p.accessTokenOf(ctx, s.ID()) },
		Base:   client.Transport,
	}
	return &client
}

// accessTokenOf is AccessToken for the session as it is now.
func (p *Passport) accessTokenOf(ctx context.Context, id string) (string, error) {
	rec, err := p.records.Load(ctx, id)
	if err != nil {
		return "", storeError(err)
	}
	h, err := p.records.OpenHead(rec)
	if err != nil {
		return "", p.unreadable(ctx, rec, err)
	}
	if !p.isLive(&rec, &h, p.c.Now().Unix()) {
		return "", ErrNoSession
	}
	now := &Session{p: p, rec: rec, head: &h}
	token, err := now.AccessToken(ctx)
	return token.Reveal(), err
}

func (s *Session) refresh(ctx context.Context, t tokens, now time.Time) (tokens, error) {
	if err := s.p.provider.RefreshDelayed(t.RefreshToken.Reveal()); err != nil {
		return tokens{}, providerError(err)
	}
	if !now.Before(t.Expiry) {
		return s.p.refresh(ctx, s.ID())
	}
	wait, cancel := context.WithTimeout(ctx, s.p.c.RefreshWait)
	defer cancel()
	renewed, err := s.p.refresh(wait, s.ID())
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		s.p.slow.Add(s.ID(), refreshTimeout)
	}
	return renewed, err
}

const (
	// refreshTimeout bounds the call to the auth domain.
	refreshTimeout = 10 * time.Second

	// keepFor is how long storing a refreshed token is retried.
	keepFor = 20 * time.Second

	// refreshLease is how long an instance has the sole right to refresh. It
	// is longer than a refresh can take, because a refresh token that is used
	// twice looks stolen.
	refreshLease = refreshTimeout + keepFor + 2*records.Timeout

	// refreshPoll is how often an instance checks whether another has finished.
	refreshPoll = 50 * time.Millisecond
)

// refresh returns fresh tokens for a session. Concurrent callers share one refresh,
// which runs in a goroutine of the Passport: a rotated refresh token must not be
// lost because a request is cancelled.
func (p *Passport) refresh(ctx context.Context, id string) (tokens, error) {
	return p.refreshUnless(ctx, id, id, func(t tokens) bool { return t.fresh(p.c.Now()) })
}

// refreshUnless is refresh unless good accepts the stored tokens. Callers with the
// same flight share one refresh.
func (p *Passport) refreshUnless(ctx context.Context, id, flight string, good func(tokens) bool) (_ tokens, err error) {
	_, span := p.within(ctx, OperationRefresh)
	defer func() { span.Ended(err) }()
	done := p.flights.DoChan(flight, func() (any, error) {
		var t tokens
		err := ErrClosed
		finished := make(chan struct{})
		if p.tasks.Start(func(ctx context.Context) {
			defer close(finished)
			defer p.slow.Remove(id)
			t, err = p.refreshNow(span.Within(ctx), id, good)
		}) {
			<-finished
		}
		return t, err
	})
	select {
	case r := <-done:
		t, _ := r.Val.(tokens)
		return t, r.Err
	case <-ctx.Done():
		return tokens{}, ctx.Err()
	}
}

// refreshNow starts from what is stored: the tokens may have been refreshed since,
// another instance may be refreshing them, or the session may be gone.
func (p *Passport) refreshNow(ctx context.Context, id string, good func(tokens) bool) (tokens, error) {
	for giveUp := time.Now().Add(refreshLease + records.Timeout); time.Now().Before(giveUp); {
		rec, err := p.records.Load(ctx, id)
		if err != nil {
			return tokens{}, storeError(err)
		}
		t, leased, err := p.lease(ctx, &rec, good)
		if err != nil || leased && good(t) {
			return t, err
		}
		if leased {
			return p.refreshLeased(ctx, rec, t)
		}
		if tasks.Pause(p.tasks.Stopping(), refreshPoll) != nil {
			return tokens{}, ErrClosed // no refresh of ours has begun, so no token is lost
		}
	}
	return tokens{}, errors.New("passport: another instance has been refreshing these tokens for too long")
}

// lease acquires the lease for refreshing a session's tokens. It reports true if it
// has, or if the tokens are good already, and false if another instance holds it.
func (p *Passport) lease(ctx context.Context, rec *storage.Record, good func(tokens) bool) (t tokens, leased bool, err error) {
	now := p.c.Now()
	*rec, err = p.update(ctx, *rec, func(h *head, stored *tokens) bool {
		t = *stored
		// An instance whose clock is ahead must not block this one for longer.
		taken := now.Unix() < h.RefreshBy && h.RefreshBy <= now.Add(2*refreshLease).Unix()
		leased = good(t) || !taken
		if good(t) || taken {
			return false
		}
		h.RefreshBy = now.Add(refreshLease).Unix()
		return true
	})
	return t, leased, err
}

// refreshLeased refreshes the tokens while it holds the lease, and stores the new
// ones before it returns them.
func (p *Passport) refreshLeased(ctx context.Context, rec storage.Record, old tokens) (tokens, error) {
	t, err := p.refreshAndKeep(ctx, rec, old)
	if err != nil {
		p.counts.refreshesFailed.Add(1)
		return tokens{}, err
	}
	p.counts.refreshes.Add(1)
	return t, nil
}

func (p *Passport) refreshAndKeep(ctx context.Context, rec storage.Record, old tokens) (tokens, error) {
	call, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	begun := time.Now().UnixNano()
	issued, err := p.provider.Refresh(call, rec.Subject, old.issued())
	renewed, err := tokensOf(issued), providerError(err)
	switch {
	case errors.Is(err, provider.ErrOtherSubject):
		p.enqueueToken(rec, renewed)
		return tokens{}, p.lose(ctx, rec, old, err)
	case provider.InvalidGrant(err):
		return tokens{}, p.lose(ctx, rec, old, err)
	case err != nil:
		p.emit(Event{Name: EventRefreshFailed, Session: rec.ID, Subject: rec.Subject, SID: rec.SID, Err: err})
		return tokens{}, errors.Join(err, p.release(ctx, rec))
	}
	renewed.Data = old.Data
	err = p.keep(ctx, rec, old, renewed)
	if records.NotReplicated(err) {
		p.makeTokensSafe(rec, renewed, old.RefreshToken)
		err = nil
	}
	if err != nil {
		p.enqueueToken(rec, renewed)
		return tokens{}, err
	}
	if err := p.spareRefreshed(ctx, rec, old, renewed, begun); err != nil {
		p.c.Logger.WarnContext(ctx, "passport: the bearer tokens of a refresh may be refused until the next one", "error", err)
	}
	return renewed, nil
}

// release gives up the lease in rec. If that fails, the lease expires. It may have
// expired already, while the machine was asleep, and another instance may hold it now.
func (p *Passport) release(ctx context.Context, rec storage.Record) error {
	ours, err := p.records.OpenHead(rec)
	if err != nil {
		return err
	}
	_, err = p.update(circuit.Around(context.WithoutCancel(ctx)), rec, func(h *head, _ *tokens) bool {
		if h.RefreshBy != ours.RefreshBy {
			return false
		}
		h.RefreshBy = 0
		return true
	})
	return err
}

// keep replaces the old tokens in the session with the refreshed ones, and retries
// while the session exists. Only the holder of the lease changes tokens, so other
// changes to the record (its last use, its label) are kept. If the stored tokens are
// no longer the old ones, an earlier attempt succeeded although its answer was lost,
// and others may have refreshed them since. If they have no refresh token, a logout
// is in progress that does not know the new one. When ctx ends there is one last
// attempt, because the old refresh token is used up and nobody else has the new one; for
// that reason it goes around the circuit, too.
// With storage.ErrNotReplicated, the new tokens are stored.
func (p *Passport) keep(ctx context.Context, rec storage.Record, old, renewed tokens) error {
	deadline := time.Now().Add(keepFor)
	for wait := refreshPoll; ; wait = min(2*wait, time.Second) {
		last := ctx.Err() != nil || time.Now().After(deadline)
		taken := false
		_, err := p.updateSafely(circuit.Around(context.WithoutCancel(ctx)), rec, func(h *head, t *tokens) bool {
			taken = t.RefreshToken == ""
			renewed.Data, old.Data = t.Data, t.Data // the program may have set it meanwhile
			if *t != old {
				return false
			}
			h.RefreshBy, *t = 0, renewed
			return true
		})
		if err == nil && taken {
			return errTaken
		}
		if err == nil || records.NotReplicated(err) || last || errors.Is(err, ErrNoSession) {
			return err
		}
		_ = tasks.Pause(ctx, wait)
	}
}

var errTaken = errors.New("passport: the refresh token was taken out of the session during its refresh")

// lose ends a session whose refresh token the provider has rejected. It does not if
// the session has another refresh token by now, or if it cannot tell.
func (p *Passport) lose(ctx context.Context, rec storage.Record, old tokens, reason error) error {
	ctx = circuit.Around(context.WithoutCancel(ctx)) // no more wait here than leases were let in
	latest, err := p.records.Load(ctx, rec.ID)
	if err != nil {
		return fmt.Errorf("%w: %w", storeError(err), reason)
	}
	t, err := openTokens(p.records, latest)
	if err != nil {
		return fmt.Errorf("%w: %w", p.unreadable(ctx, latest, err), reason)
	}
	if t.RefreshToken != old.RefreshToken {
		return fmt.Errorf("passport: the tokens were replaced during their refresh: %w", reason)
	}
	call, cancel := p.records.Bound(ctx)
	defer cancel()
	_, err = p.records.Delete(call, rec.ID)
	switch {
	case err == nil:
		p.announceEnd(Event{Name: EventSessionLost, Err: reason}, rec)
	case !errors.Is(err, storage.ErrNotFound):
		return errors.Join(storeError(err), reason)
	}
	return fmt.Errorf("%w: %w", ErrNoSession, reason)
}

// mostUnsafeTokens bounds the memory for tokens that wait for the store's replicas, to
// about 30 MB. Those beyond are lost in a fail-over with their sessions.
const mostUnsafeTokens = 10_000

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
