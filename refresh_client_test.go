package passport_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

func TestTheClientCarriesTheTokenToTheAPIAndNowhereElse(t *testing.T) {
	var got http.Header
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	t.Cleanup(evil.Close)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
			return
		}
		got = r.Header
		_, _ = io.WriteString(w, "pong")
	}))
	t.Cleanup(api.Close)
	s := newSite(t, func(c *passport.Config) { c.APIDomain, c.PublishableKey = api.URL, "pk_imapik-test" })
	session := s.signedIn().session()
	token, err := session.AccessToken(t.Context())
	require.NoError(t, err)
	client := session.Client()

	ping, err := http.NewRequestWithContext(t.Context(), http.MethodGet, api.URL+"/ping", nil)
	require.NoError(t, err)
	res, err := client.Do(ping)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Empty(t, ping.Header, "the caller's request, which may end up in a log")
	assert.Equal(t, "Bearer "+token.Reveal(), got.Get("Authorization"))
	assert.Equal(t, "pk_imapik-test", got.Get("x-immutable-publishable-key"))

	got = nil
	for _, address := range []string{evil.URL, api.URL + "/away", strings.Replace(api.URL, "127.0.0.1", "localhost", 1)} {
		_, err = client.Get(address)
		require.Error(t, err, address)
		var failed *url.Error
		require.ErrorAs(t, err, &failed)
		assert.Contains(t, err.Error(), "nowhere else")
		assert.NotContains(t, err.Error(), token.Reveal())
	}
	assert.Nil(t, got, "nothing was sent there")

	_, err = s.p.EndSession(t.Context(), session.ID())
	require.NoError(t, err)
	s.clock.add(48 * time.Hour)
	_, err = client.Get(api.URL + "/ping")
	assert.ErrorIs(t, err, passport.ErrNoSession)
}

func TestUsersDoNotShareACookieJar(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var got []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "whose", Value: "the first user's"})
	}))
	t.Cleanup(api.Close)
	s := newSite(t, func(c *passport.Config) { c.HTTPClient, c.APIDomain = &http.Client{Jar: jar}, api.URL })
	auth, err := url.Parse(s.auth.URL)
	require.NoError(t, err)
	jar.SetCookies(auth, []*http.Cookie{{Name: "whose", Value: "the first user's"}})
	for range 2 {
		res, err := s.signedIn().session().Client().Get(api.URL)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	assert.Equal(t, []string{"", ""}, got)
	for _, r := range s.auth.Requests("/oauth/token") {
		assert.Empty(t, r.Header.Get("Cookie"))
	}
}

func TestAClientEndsWithItsSession(t *testing.T) {
	calls := 0
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	t.Cleanup(api.Close)
	s := newSite(t, func(c *passport.Config) { c.APIDomain = api.URL })
	b := s.signedIn()
	client := b.session().Client()
	res, err := client.Get(api.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	b.logout()
	_, err = client.Get(api.URL)
	assert.ErrorIs(t, err, passport.ErrNoSession)
	assert.Equal(t, 1, calls)
}
