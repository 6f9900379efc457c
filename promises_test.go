package passport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
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

// promises are those of this package, each with tests that every driver passes.
// Package browser, which runs only in a browser, has those under the same names in
// internal/browsertest/gametest; see notInBrowser.
var promises = []struct {
	name string
	keep func(*testing.T, *site, driver)
}{
	{"local first/though the auth domain is down", keepsLocalFirst},
	{"local first/though the auth domain hangs", keepsLocalFirstInTime},
	{"no resurrection/by a refresh in flight", keepsARefreshFromReviving},
	{"no resurrection/by a login that was begun before", keepsALoginFromReviving},
	{"no resurrection/by a state that is used again", keepsAStateGoodOnce},
	{"nothing lost/a failed revocation is left to the next run", keepsWhatIsOwed},
	{"never a false logged out/a logout that got lost is unfinished", keepsALogoutUnfinished},
	{"never a false logged out/one that came back is finished", keepsALogoutFinished},
	{"never stuck/a logout that got lost can be finished", keepsALogoutFinishable},
	{"nobody else logs you out/by a page of another site", keepsOthersOut},
	{"nobody else logs you out/or says that you are", keepsForgedReturnsOut},
	{"no open redirect", keepsReturnsLocal},
	{"no leak", keepsSecrets},
	{"everywhere at once/by the program", keepsEverywhere},
	{"everywhere at once/by the provider", keepsToTheProvidersWord},
	{"only revocable sessions", keepsSessionsRevocable},
	{"wherever it stands/two clients on one store", keepsClientsApart},
	{"wherever it stands/in short runs", keepsAcrossRuns},
}

// exceptions are promises that a driver does not keep itself, with the reason.
var exceptions = map[string]map[string]string{
	"verbs": {
		"nobody else logs you out/by a page of another site": "a verb sees no request: the framework has to check where it comes from, as http.CrossOriginProtection does",
	},
	"native": {
		"nobody else logs you out/by a page of another site": "nothing listens unless the program itself logs in or out, and no request begins a logout",
		"no open redirect": "a login ends on the program's own page, whatever ReturnTo is",
	},
}

// notInBrowser are those that TestPromises of internal/browsertest/gametest does not hold
// package browser to, with the reason.
var notInBrowser = map[string]string{
	"no open redirect":                            "a login goes nowhere: LoginCallback returns ReturnTo, as the verb has checked it",
	"everywhere at once/by the provider":          "a page has no address to which a provider could send a logout token",
	"only revocable sessions":                     "there is no server that could keep the tokens: localStorage has them, as the JavaScript SDK keeps them",
	"wherever it stands/two clients on one store": "localStorage has an entry for each client, under its name",
}

func TestPromises(t *testing.T) {
	for name, start := range drivers() {
		t.Run(name, func(t *testing.T) {
			for _, promise := range promises {
				t.Run(promise.name, func(t *testing.T) {
					if reason := exceptions[name][promise.name]; reason != "" {
						t.Log("not kept here: " + reason)
						return
					}
					s := newSite(t, kept)
					promise.keep(t, s, start(s))
				})
			}
		})
	}
}

func TestPromisesAreKeptInTheBrowser(t *testing.T) {
	var want []string
	for _, promise := range promises {
		if reason := notInBrowser[promise.name]; reason != "" {
			t.Log(promise.name + ": not kept in the browser: " + reason)
			continue
		}
		want = append(want, promise.name)
	}
	assert.Len(t, promises, len(want)+len(notInBrowser), "all of notInBrowser are promises")
	assert.ElementsMatch(t, want, promisesOf(t, "internal/browsertest/gametest/promises_test.go"))
}

func TestExceptionsAreOfPromises(t *testing.T) {
	all := map[string]bool{}
	for _, promise := range promises {
		all[promise.name] = true
	}
	for driver, reasons := range exceptions {
		assert.Contains(t, drivers(), driver)
		for promise := range reasons {
			assert.Contains(t, all, promise, driver)
		}
	}
}

// promisesOf are the names in the variable promises of a file of another module.
func promisesOf(t *testing.T, name string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(name), nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, decl := range file.Decls {
		list, ok := decl.(*ast.GenDecl)
		if !ok || list.Tok != token.VAR {
			continue
		}
		value := list.Specs[0].(*ast.ValueSpec)
		require.Equal(t, "promises", value.Names[0].Name)
		for _, row := range value.Values[0].(*ast.CompositeLit).Elts {
			name, err := strconv.Unquote(row.(*ast.CompositeLit).Elts[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			names = append(names, name)
		}
	}
	return names
}

// signIn signs the user in, by one tab.
func signIn(t *testing.T, d driver) *passport.Session {
	t.Helper()
	_, err := d.login(plain)()
	require.NoError(t, err)
	session, err := d.session()
	require.NoError(t, err)
	require.Equal(t, passporttest.DefaultUser().Subject, session.Subject())
	return session
}

func assertSignedOut(t *testing.T, d driver) {
	t.Helper()
	_, err := d.session()
	assert.ErrorIs(t, err, passport.ErrNoSession)
	list, err := d.engine().Sessions(t.Context(), passporttest.DefaultUser().Subject)
	require.NoError(t, err)
	assert.Empty(t, list, "sessions in the store")
}

// asked reports whether the last login asked for credentials.
func (s *site) asked() bool {
	all := s.auth.Requests("/authorize")
	return len(all) > 0 && all[len(all)-1].Query.Get("prompt") == "login"
}

func keepsLocalFirst(t *testing.T, s *site, d driver) {
	signIn(t, d)
	s.auth.Inject(passporttest.Fault{Status: http.StatusServiceUnavailable})
	l, err := d.logout(lost)
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomePending, l.Revocation)
	assertSignedOut(t, d)
}

func keepsLocalFirstInTime(t *testing.T, s *site, d driver) {
	signIn(t, d)
	s.auth.Inject(passporttest.Fault{Hang: true})
	begun := time.Now()
	l, err := d.logout(lost)
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Less(t, time.Since(begun), 10*time.Second)
	assertSignedOut(t, d)
	s.auth.Lift()
}

func keepsARefreshFromReviving(t *testing.T, s *site, d driver) {
	s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Times: 1, EditAnswer: func(a map[string]any) { a["expires_in"] = 1 }})
	session := signIn(t, d)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true, Late: true})
	refreshed := make(chan error, 1)
	go func() {
		_, err := session.AccessToken(t.Context())
		refreshed <- err
	}()
	_, err := s.auth.Await(t.Context(), "/oauth/token", 2)
	require.NoError(t, err)
	_, err = d.logout(lost)
	require.NoError(t, err)
	lift()
	require.ErrorIs(t, <-refreshed, passport.ErrNoSession)
	assertSignedOut(t, d)
	require.Eventually(t, func() bool { return len(s.auth.RefreshTokens(passporttest.Live)) == 0 },
		10*time.Second, time.Millisecond, "the new token is revoked too")
}

func keepsALoginFromReviving(t *testing.T, s *site, d driver) {
	signIn(t, d)
	left := d.login(plain)
	_, err := d.logout(lost)
	require.NoError(t, err)
	_, err = left()
	assert.Error(t, err)
	assertSignedOut(t, d)
	assert.Equal(t, 1, s.codes(), "the code of the second has not gone out")
}

func keepsAStateGoodOnce(t *testing.T, s *site, d driver) {
	end := d.login(plain)
	_, err := end()
	require.NoError(t, err)
	_, _ = end() // as if the page were loaded again, or not a return that anybody waits for
	assert.Equal(t, 1, s.codes(), "its code goes out once")
	_, err = d.logout(visited)
	require.NoError(t, err)
	_, err = end()
	assert.Error(t, err)
	assertSignedOut(t, d)
	assert.Equal(t, 1, s.codes())
}

func keepsWhatIsOwed(t *testing.T, s *site, d driver) {
	signIn(t, d)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
	l, err := d.logout(lost)
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomePending, l.Revocation)
	d.restart()
	lift()
	require.Len(t, s.auth.RefreshTokens(passporttest.Live), 1)
	s.clock.add(10 * time.Minute)
	_, err = d.session() // any use of the program begins it
	require.ErrorIs(t, err, passport.ErrNoSession)
	s.revoked(1)
}

func keepsALogoutUnfinished(t *testing.T, s *site, d driver) {
	signIn(t, d)
	_, err := d.logout(lost)
	require.NoError(t, err)
	assert.True(t, d.unfinished())
	d.restart()
	assert.True(t, d.unfinished(), "after a restart")
	s.clock.add(time.Minute)
	signIn(t, d)
	assert.True(t, s.asked(), "for credentials")
	assert.False(t, d.unfinished(), "the user has proved who they are")
}

func keepsALogoutFinished(t *testing.T, s *site, d driver) {
	signIn(t, d)
	_, err := d.logout(visited)
	require.NoError(t, err)
	assert.Empty(t, s.auth.Sessions())
	assert.False(t, d.unfinished())
	signIn(t, d)
	assert.False(t, s.asked())
}

func keepsALogoutFinishable(t *testing.T, s *site, d driver) {
	signIn(t, d)
	_, err := d.logout(lost)
	require.NoError(t, err)
	require.True(t, d.unfinished())
	require.Len(t, s.auth.Sessions(), 1)
	_, err = d.logout(visited)
	require.NoError(t, err)
	assert.False(t, d.unfinished())
	assert.Empty(t, s.auth.Sessions())
}

func keepsOthersOut(t *testing.T, s *site, d driver) {
	signIn(t, d)
	c := d.(*carriedDriver).c.(*cookieCarrier)
	r := c.send(c.p.Logout, "POST", "/logout", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	assert.True(t, r.failed)
	r.deliver()
	assert.True(t, c.signedIn())
}

func keepsForgedReturnsOut(t *testing.T, s *site, d driver) {
	signIn(t, d)
	_, err := d.logout(forged)
	require.NoError(t, err)
	assert.True(t, d.unfinished())
	signIn(t, d)
	assert.True(t, s.asked())
}

func keepsReturnsLocal(t *testing.T, s *site, d driver) {
	for to, want := range map[string]string{
		"/page?a=1": "/page?a=1", "": "/", "https://evil.example/": "/", "//evil.example": "/",
		`/\evil.example`: "/", "/\t/evil.example": "/", "/page\r\nSet-Cookie: a=b": "/", "/\x7f": "/", "/#\r\nSet-Cookie: a=b": "/", "/#\x7f": "/", "/#\x00": "/", "/#\x1f": "/",
	} {
		got, err := d.login(passport.LoginOptions{ReturnTo: to})()
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", to)
	}
}

func keepsSecrets(t *testing.T, s *site, d driver) {
	session := signIn(t, d)
	access, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	shown := fmt.Sprintf("%v %+v %#v", session, session, d.engine())
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable})
	l, err := d.logout(lost)
	require.NoError(t, err)
	events := s.events.copy()
	require.NotEmpty(t, events)
	encoded, err := json.Marshal(events)
	require.NoError(t, err)
	shown += fmt.Sprintf("%v %+v %#v %v %#v", l, l, l, events, events) + string(encoded) + s.log.String()

	secrets := []string{access.Reveal(), s.auth.RefreshTokens()[0].Value}
	for _, r := range s.auth.Requests("/oauth/token") {
		secrets = append(secrets, r.Form.Get("code"), r.Form.Get("code_verifier"))
	}
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		assert.NotContains(t, shown, secret)
	}
}

func keepsEverywhere(t *testing.T, s *site, d driver) {
	session := signIn(t, d)
	done := session.Done(t.Context())
	l, err := d.engine().EndSessions(t.Context(), storage.Match{Subject: session.Subject()})
	require.NoError(t, err)
	require.Equal(t, 1, l.Ended)
	waitFor(t, done)
	assertSignedOut(t, d)
	s.revoked(1)
}

func keepsToTheProvidersWord(t *testing.T, s *site, d driver) {
	signIn(t, d)
	sid := s.auth.Sessions()[0].SID
	l, err := d.engine().EndByLogoutToken(t.Context(), s.auth.SignLogoutToken(passporttest.LogoutToken{SID: sid}))
	require.NoError(t, err)
	assert.Equal(t, 1, l.Ended)
	assertSignedOut(t, d)
}

func keepsSessionsRevocable(t *testing.T, s *site, d driver) {
	session := signIn(t, d)
	access, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	held, stored := d.held(), s.c.Store.(*keptStore).all()
	require.Contains(t, stored, session.ID())
	for _, secret := range []string{access.Reveal(), s.auth.RefreshTokens()[0].Value, passporttest.DefaultUser().Email} {
		assert.NotContains(t, held, secret, "the browser")
		assert.NotContains(t, stored, secret, "the store")
	}
	assert.NotContains(t, held, session.Subject())
	if c, ok := d.(*carriedDriver); ok {
		assert.NotContains(t, stored, c.secret(), "the store has a hash of the session's id")
		assert.Contains(t, held, c.secret())
	}
}

// keptStore remembers all that it was given.
type keptStore struct {
	*memory.Store
	mu   sync.Mutex
	kept strings.Builder
}

func (k *keptStore) Save(ctx context.Context, r storage.Record) (storage.Record, error) {
	k.mu.Lock()
	fmt.Fprint(&k.kept, r, string(r.Data))
	k.mu.Unlock()
	return k.Store.Save(ctx, r)
}

func (k *keptStore) all() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept.String()
}

// kept has a store that other instances can share.
func kept(c *passport.Config) {
	c.Store, c.EncryptionKeys = &keptStore{Store: memory.New(memory.Options{Now: c.Now})}, someKey()
}

func keepsClientsApart(t *testing.T, s *site, d driver) {
	session := signIn(t, d)
	other := s.c
	other.ClientID = "another"
	l, err := newPassport(t, other).EndSessions(t.Context(), storage.Match{Subject: session.Subject()})
	require.NoError(t, err)
	assert.Zero(t, l.Ended)
	_, err = d.session()
	assert.NoError(t, err)
}

func keepsAcrossRuns(t *testing.T, s *site, d driver) {
	signIn(t, d)
	d.restart()
	_, err := d.session()
	require.NoError(t, err)
	d.restart()
	l, err := d.logout(visited)
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.App)
	d.restart()
	assertSignedOut(t, d)
	assert.False(t, d.unfinished())
	s.revoked(1)
}
