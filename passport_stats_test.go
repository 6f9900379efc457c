package passport_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// distant is a store distant this process, as far as anybody can tell.
type distant struct{ *faultyStore }

func storedFarAway(store *distant) func(*passport.Config) {
	return func(c *passport.Config) {
		*store = distant{&faultyStore{Store: memory.New(memory.Options{Now: c.Now})}}
		c.Store, c.EncryptionKeys = store, someKey()
	}
}

func TestStatsCountSessionsAndRevocations(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.MaxSessionsPerUser = 2 })
	first := s.signedIn()
	first.get("/login") // replaces
	for range 3 {
		s.clock.add(time.Minute)
		s.signedIn() // the second and third evict
	}
	s.clock.add(time.Minute)
	last := s.signedIn() // evicts
	last.logout()
	s.revoked(5)
	require.Eventually(t, func() bool { return s.p.Stats().RevocationsDone == 5 }, 10*time.Second, time.Millisecond)

	n := s.p.Stats()
	assert.EqualValues(t, 6, n.SessionsBegun)
	assert.EqualValues(t, 1, n.SessionsEnded[passport.EventSessionReplaced])
	assert.EqualValues(t, 3, n.SessionsEnded[passport.EventSessionEvicted])
	assert.EqualValues(t, 1, n.SessionsEnded[passport.EventLogout])
	assert.Contains(t, n.SessionsEnded, passport.EventSessionLost, "also what has not happened yet")
	assert.EqualValues(t, 5, n.RevocationsTried)
	assert.Zero(t, n.RevocationsFailed)
	assert.Zero(t, n.StoreCalls["store.load"], "memory is not measured")
	_, err := json.Marshal(n)
	assert.NoError(t, err)
}

func TestStatsCountRefreshes(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	session := func() *passport.Session {
		found, err := s.p.Session(t.Context(), passport.Secret(b.cookie("passport")))
		require.NoError(t, err)
		return found
	}
	require.NoError(t, session().Refresh(t.Context()))
	assert.EqualValues(t, 1, s.p.Stats().Refreshes)
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: 503})
	assert.Error(t, session().Refresh(t.Context()))
	n := s.p.Stats()
	assert.EqualValues(t, 1, n.Refreshes)
	assert.EqualValues(t, 1, n.RefreshesFailed)
}

func TestStatsCountBearers(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.BearerTokens = true })
	b := s.signedIn()
	session, err := s.p.Session(t.Context(), passport.Secret(b.cookie("passport")))
	require.NoError(t, err)
	token, err := session.IDToken(t.Context())
	require.NoError(t, err)
	_, err = s.p.VerifyBearer(t.Context(), token)
	require.NoError(t, err)
	_, _ = s.p.VerifyBearer(t.Context(), "another")
	b.logout()
	_, err = s.p.VerifyBearer(t.Context(), token)
	require.ErrorIs(t, err, passport.ErrBearerSignedOut)
	_, _ = s.p.VerifyBearer(t.Context(), "")
	n := s.p.Stats()
	assert.EqualValues(t, 1, n.BearersAccepted)
	assert.EqualValues(t, 2, n.BearersRefused)
	assert.Zero(t, n.BearersUnverified)
}

// A record that is not there is an answer; a store that is down is none.
func TestStatsCountCallsToTheStore(t *testing.T) {
	var store distant
	s := newSite(t, storedFarAway(&store))
	b := s.signedIn()
	before := s.p.Stats().StoreCalls["store.load"]
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/page").body)
	after := s.p.Stats().StoreCalls["store.load"]
	assert.Equal(t, before.Calls+1, after.Calls, "one round trip a request")
	assert.Greater(t, after.Time, before.Time)
	assert.Zero(t, after.Errors, "of all the look-ups of a login, most find nothing")

	store.fail("Load")
	b.get("/page")
	store.fail()
	assert.EqualValues(t, 1, s.p.Stats().StoreCalls["store.load"].Errors)
	b.logout()
	s.revoked(1)
	require.Eventually(t, func() bool { return s.p.Stats().StoreCalls["store.complete"].Calls == 1 }, 10*time.Second, time.Millisecond)
	n := s.p.Stats().StoreCalls
	assert.EqualValues(t, 1, n["store.delete_and_enqueue"].Calls)
	assert.NotZero(t, n["store.save"].Calls)
	assert.NotZero(t, n["store.list"].Calls)
	assert.NotZero(t, n["store.claim"].Calls)
}

func TestPendingRevocationsAreCounted(t *testing.T) {
	var store distant
	for name, edit := range map[string]func(*passport.Config){
		"memory":  func(*passport.Config) {},
		"distant": storedFarAway(&store),
		"without a queue": func(c *passport.Config) {
			c.Store, c.EncryptionKeys = bare{memory.New(memory.Options{Now: c.Now})}, someKey()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, edit)
			b := s.signedIn()
			n, err := s.p.PendingRevocations(t.Context())
			require.NoError(t, err)
			assert.Equal(t, storage.RevocationCount{}, n)
			s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
			begun := s.clock.Now()
			b.logout()
			require.Eventually(t, func() bool { return len(s.events.named(passport.EventRevocationRetry)) > 0 }, 10*time.Second, time.Millisecond)
			s.clock.add(time.Minute)
			n, err = s.p.PendingRevocations(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1, n.Pending)
			assert.True(t, begun.Equal(n.Oldest), n.Oldest)
		})
	}
}

// bare is a store with nothing but what it has to have.
type bare struct{ storage.TokenStore }

func (bare) Unwrap() storage.TokenStore { return nil }

// A queue that is full leaves the revocation to the process, which counts it.
func TestPendingRevocationsOfNoQueueAreCounted(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		c.Store, c.EncryptionKeys = distant{&faultyStore{Store: memory.New(memory.Options{Now: c.Now, RevocationLimit: 1})}}, someKey()
	})
	a, b := s.signedIn(), s.signedIn()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
	a.logout()
	b.logout()
	n, err := s.p.PendingRevocations(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, n.Pending)
}

// uncounted has a queue and cannot count it.
type uncounted struct {
	storage.TokenStore
	storage.RevocationQueue
}

func TestAQueueThatCannotBeCountedIsNamed(t *testing.T) {
	s := newSite(t, func(c *passport.Config) {
		store := memory.New(memory.Options{Now: c.Now})
		c.Store, c.EncryptionKeys = uncounted{store, store}, someKey()
	})
	_, err := s.p.PendingRevocations(t.Context())
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	assert.Contains(t, s.log.String(), "storage.RevocationCounter")
}

// tracer keeps the spans that Config.Trace began.
type tracer struct {
	mu    sync.Mutex
	spans []*span
}

type span struct {
	name, parent string
	ended        int
	err          error
}

type spanKey struct{}

func (tr *tracer) trace(ctx context.Context, o passport.Operation) passport.Span {
	s := &span{name: string(o)}
	if parent, ok := ctx.Value(spanKey{}).(*span); ok {
		s.parent = parent.name
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.spans = append(tr.spans, s)
	return passport.Span{
		Context: func(ctx context.Context) context.Context { return context.WithValue(ctx, spanKey{}, s) },
		End: func(err error) {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			s.ended++
			s.err = err
		},
	}
}

// children are the names of the spans below those of a name.
func (tr *tracer) children(parent string) []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	found := map[string]bool{}
	for _, s := range tr.spans {
		if s.parent == parent {
			found[s.name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestOperationsAreTraced(t *testing.T) {
	tr := &tracer{}
	var store distant
	s := newSite(t, storedFarAway(&store), func(c *passport.Config) { c.Trace = tr.trace })
	b := s.signedIn()
	assert.Subset(t, tr.children("login.finish"), []string{"store.list", "store.load", "store.save"})
	ctx := context.WithValue(t.Context(), spanKey{}, &span{name: "the caller"})
	session, err := s.p.Session(ctx, passport.Secret(b.cookie("passport")))
	require.NoError(t, err)
	require.NoError(t, session.Refresh(ctx))
	assert.Equal(t, []string{"refresh", "store.load"}, tr.children("the caller"))
	assert.Equal(t, []string{"store.load", "store.save"}, tr.children("refresh"), "in a goroutine of its own")
	_, err = s.p.EndSession(ctx, session.ID())
	require.NoError(t, err)
	assert.Contains(t, tr.children("the caller"), "logout")
	assert.Contains(t, tr.children("logout"), "store.delete_and_enqueue")
	_, err = s.p.EndByLogoutToken(ctx, "nonsense")
	require.Error(t, err)
	_, err = s.p.EndSessions(ctx, storage.Match{Subject: "nobody"})
	require.NoError(t, err)
	assert.Contains(t, tr.children("logout"), "store.delete_matching_and_enqueue")
	require.NoError(t, s.p.Close(t.Context()))

	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, span := range tr.spans {
		assert.Equal(t, 1, span.ended, "%s has an end", span.name)
		if span.name == "provider.logout" {
			assert.Error(t, span.err)
		} else {
			assert.NoError(t, span.err, span.name)
		}
	}
	assert.True(t, slices.ContainsFunc(tr.spans, func(s *span) bool { return s.name == "revocation" }))
	assert.True(t, slices.ContainsFunc(tr.spans, func(s *span) bool { return s.name == "login.begin" }))
}
