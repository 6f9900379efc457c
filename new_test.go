package passport_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// portOf is the port that a server was given.
func portOf(t *testing.T, server *httptest.Server) int {
	t.Helper()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}

func withoutPort(c *passport.Config) {
	c.RedirectURI, c.LogoutRedirectURI = "http://127.0.0.1/redirect", "http://127.0.0.1/"
}

// loginAt signs a browser's user in at a port, as far as the return.
func (s *site) loginAt(p *passport.Passport) (passport.BrowserState, url.Values) {
	s.t.Helper()
	address, b, err := p.BeginLogin(s.t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(s.t, err)
	back, err := url.Parse(s.browser().stay().get(address).Header.Get("Location"))
	require.NoError(s.t, err)
	return b, back.Query()
}

func TestAProgramSignsInAndOutAtAPortThatWasFree(t *testing.T) {
	for name, edit := range map[string]func(*passport.Config){
		"passport": func(*passport.Config) {}, "discovered": discovered,
	} {
		s := newSite(t, withoutPort, edit)
		there := s.p.WithPort(portOf(t, s.server))
		b, query := s.loginAt(there)
		in, _, err := there.FinishLogin(t.Context(), b, query)
		require.NoError(t, err, name)
		assert.Equal(t, s.server.URL+"/redirect", s.auth.Requests("/authorize")[0].Query.Get("redirect_uri"), name)
		assert.Equal(t, s.server.URL+"/redirect", s.auth.Requests("/oauth/token")[0].Form.Get("redirect_uri"), name)

		l, err := there.EndSession(t.Context(), in.Session.ID())
		require.NoError(t, err, name)
		assert.Contains(t, l.URL, url.QueryEscape(s.server.URL+"/"), name)
	}
}

func TestAPassportAtAPortSharesEverythingElse(t *testing.T) {
	s := newSite(t, withoutPort)
	there := s.p.WithPort(portOf(t, s.server))
	b, query := s.loginAt(there)
	in, _, err := there.FinishLogin(t.Context(), b, query)
	require.NoError(t, err)

	session, err := s.p.Session(t.Context(), in.SessionID)
	require.NoError(t, err)
	_, err = there.EndSession(t.Context(), session.ID())
	require.NoError(t, err)
	<-session.Done(t.Context())
	require.NoError(t, there.Close(t.Context()))
	_, err = s.p.Session(t.Context(), in.SessionID)
	require.ErrorIs(t, err, passport.ErrNoSession)
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
	assert.NotContains(t, s.p.LogoutURL(), url.QueryEscape(s.server.URL), "the first is as it was")
}

func TestAPortOfTheConfigStays(t *testing.T) {
	for _, uri := range []string{"http://127.0.0.1:4000/redirect", "http://localhost:4000/redirect", "https://app.example.com/redirect"} {
		p := newPassport(t, passport.Config{ClientID: "client", RedirectURI: uri, LogoutRedirectURI: uri})
		address, _, err := p.WithPort(5000).BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
		require.NoError(t, err)
		assert.Contains(t, address, "redirect_uri="+url.QueryEscape(uri))
		assert.Equal(t, p.LogoutURL(), p.WithPort(5000).LogoutURL())
	}
	v6 := newPassport(t, passport.Config{ClientID: "client", RedirectURI: "http://[::1]/redirect"})
	address, _, err := v6.WithPort(5000).BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	assert.Contains(t, address, "redirect_uri="+url.QueryEscape("http://[::1]:5000/redirect"))
}

func TestAtRefusesWhatIsNoPort(t *testing.T) {
	p := newPassport(t, passport.Config{ClientID: "client", RedirectURI: "http://127.0.0.1/redirect"})
	for _, port := range []int{-1, 0, 65536} {
		assert.Panics(t, func() { p.WithPort(port) }, port)
	}
}

// counting is a wrapper as programs write it.
type counting struct{ storage.TokenStore }

// A nil pointer in the interface is what is left of an error that was ignored, and every
// request would panic.
// A constructor whose error was ignored leaves them behind.
func TestNilPointersAndEmptyKeysAreRefused(t *testing.T) {
	for _, row := range []struct {
		edit func(*passport.Config)
		want string
	}{
		{func(c *passport.Config) { c.Store = (*memory.Store)(nil) }, "Config.Store is a nil *memory.Store"},
		{func(c *passport.Config) { c.HTTPClient = &http.Client{Transport: (*http.Transport)(nil)} }, "Config.HTTPClient has a nil *http.Transport"},
		{func(c *passport.Config) { c.ClientKey = (*ecdsa.PrivateKey)(nil) }, "Config.ClientKey is a nil *ecdsa.PrivateKey"},
		{func(c *passport.Config) { c.ClientKey = &rsa.PrivateKey{} }, "Config.ClientKey must be an RSA key"},
		{func(c *passport.Config) { c.ClientKey = &ecdsa.PrivateKey{} }, "Config.ClientKey must be an RSA key"},
		{func(c *passport.Config) { c.ClientKey = ed25519.PrivateKey(nil) }, "Config.ClientKey must be an RSA key"},
	} {
		c := passport.Config{ClientID: "client", RedirectURI: "http://localhost:3000/redirect"}
		row.edit(&c)
		_, err := passport.New(c)
		assert.ErrorContains(t, err, row.want)
	}
}

func TestAStoreThatHidesTheQueueOfAnotherIsNoticed(t *testing.T) {
	inner := memory.New(memory.Options{})
	for store, warnings := range map[storage.TokenStore]int{
		counting{inner}:                1,
		&faultyStore{Store: inner}:     0,
		inner:                          0,
		counting{nil}:                  0,
		struct{ *memory.Store }{inner}: 0,
		struct{ storage.TokenStore }{counting{nil}}: 0,
	} {
		log := &syncBuffer{}
		newPassport(t, passport.Config{
			ClientID: "client", RedirectURI: "https://app.example.com/", Store: store, EncryptionKeys: someKey(),
			Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		assert.Equal(t, warnings, strings.Count(log.String(), "level=WARN"), "%T", store)
		if warnings > 0 {
			for _, said := range []string{"passport_test.counting", "*memory.Store", "storage.RevocationQueue=", "storage.Lister=", "forward their methods"} {
				assert.Contains(t, log.String(), said)
			}
		}
	}
}

func TestALogoutAfterCloseRevokesBeforeItAnswers(t *testing.T) {
	s := newSite(t)
	id := s.signedIn().session().ID()
	require.NoError(t, s.p.Close(t.Context()))
	l, err := s.p.EndSession(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, passport.OutcomeDone, l.Revocation)
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
}

func TestCloseAgainSaysTheSameAndWaitsForNobody(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503})
	b.logout()
	_, err := s.auth.Await(t.Context(), "/oauth/revoke", 1)
	require.NoError(t, err)

	first := s.p.Close(t.Context())
	assert.ErrorContains(t, first, "1 refresh tokens could not be revoked")
	tried := len(s.auth.Requests("/oauth/revoke"))
	assert.Equal(t, first, s.p.Close(t.Context()))
	assert.Len(t, s.auth.Requests("/oauth/revoke"), tried, "which would take as long as the auth domain likes")
}

func TestWhoHearsOfAFailedRevocationMayClose(t *testing.T) {
	told, goOn := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(c *passport.Config) {
		c.OnEvent = func(e passport.Event) {
			if e.Name == "revocation.retry" {
				close(told)
				<-goOn
			}
		}
	})
	b := s.signedIn()
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 503, Times: 1})
	b.logout()
	<-told

	closed := make(chan error, 1)
	go func() { closed <- s.p.Close(t.Context()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := s.auth.Await(ctx, "/oauth/revoke", 2)
	assert.NoError(t, err, "tried once more although somebody is still being told")
	close(goOn)
	assert.NoError(t, <-closed)
}

func TestCloseSaysWhichSessionsItCouldNotEnd(t *testing.T) {
	faulty := &faultyStore{Store: memory.New(memory.Options{})}
	s := newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	b := s.signedIn()
	faulty.fail("Load", "Delete", "DeleteAndEnqueue")
	b.logout()
	assert.ErrorContains(t, s.p.Close(t.Context()), "sessions could not be ended, and live until they expire: 1")

	s = newSite(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = faulty, someKey() })
	faulty.fail()
	b = s.signedIn()
	faulty.fail("Load", "Delete", "DeleteAndEnqueue")
	b.logout()
	faulty.fail()
	assert.NoError(t, s.p.Close(t.Context()), "tried once more")
	assert.Empty(t, s.auth.RefreshTokens(passporttest.Live))
}

func TestCloseEndsADiscoveryThatNobodyWaitsFor(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	hanging := transport(func(r *http.Request) (*http.Response, error) {
		close(began)
		defer close(ended)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	p := newPassport(t, passport.Config{
		ClientID: "client", RedirectURI: "https://app.example.com/",
		Discover: true, Issuer: "https://login.example.com/", HTTPClient: &http.Client{Transport: hanging},
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	_, _, err := p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, p.Close(ctx))
	select {
	case <-ended:
	default:
		t.Error("it goes on")
	}
}
