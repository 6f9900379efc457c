package passporttest_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

func TestAServerCanHaveANameOfItsOwn(t *testing.T) {
	for _, options := range []passporttest.Options{
		{AutoLogin: true, Host: "auth.localhost"},
		{AutoLogin: true, Host: "auth.localhost", TLS: true},
		{AutoLogin: true, Host: "auth.example"},
		{AutoLogin: true, Host: "auth.example", TLS: true},
		{AutoLogin: true, TLS: true},
		{AutoLogin: true, Addr: "[::1]:0"},
	} {
		auth := start(t, options)
		u, err := url.Parse(auth.URL)
		require.NoError(t, err)
		if options.Host != "" {
			assert.Equal(t, options.Host, u.Hostname())
		}
		assert.Equal(t, options.TLS, u.Scheme == "https")
		assert.Equal(t, options.TLS, auth.Certificate() != nil)
		assert.Equal(t, auth.URL+"/", auth.Issuer())

		p := newParty(t, auth)
		p.verify(p.login())
		p.login()
		assert.Equal(t, 1, auth.Logins(), "the cookie comes back to %s", auth.URL)
	}
}

func TestAServerListensWhereItIsTold(t *testing.T) {
	auth := start(t, passporttest.Options{Addr: "127.0.0.2:0"})
	assert.True(t, strings.HasPrefix(auth.URL, "http://127.0.0.2:"), auth.URL)
	assert.Equal(t, http.StatusOK, statusOf(t, auth, keys))
}

func TestAnAddressThatIsTakenPanics(t *testing.T) {
	auth := start(t, passporttest.Options{})
	defer func() {
		message, _ := recover().(string)
		assert.Contains(t, message, "passporttest: listen tcp")
	}()
	passporttest.NewServer(passporttest.Options{Addr: strings.TrimPrefix(auth.URL, "http://")})
	assert.Fail(t, "two servers on one port")
}

func TestAnIssuerThatIsGivenOverridesTheServers(t *testing.T) {
	auth := start(t, passporttest.Options{Issuer: "https://proxy.example/"})
	assert.Equal(t, "https://proxy.example/", auth.Issuer())
}

func TestNothingAnswersAfterClose(t *testing.T) {
	auth := passporttest.NewServer(passporttest.Options{})
	assert.Equal(t, http.StatusOK, statusOf(t, auth, keys))
	auth.Close()
	auth.Close()
	_, err := auth.Client().Get(auth.URL + keys)
	assert.Error(t, err)
	assert.Len(t, auth.Requests(keys), 1, "what happened can still be looked at")
}

func TestTheBrowserFindsNamesUnderLocalhost(t *testing.T) {
	auth := start(t, passporttest.Options{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Host))
	}))
	defer app.Close()
	address := "app.localhost:" + app.URL[strings.LastIndex(app.URL, ":")+1:]
	resp, err := auth.Browser().Get("http://" + address)
	require.NoError(t, err)
	assert.Equal(t, address, body(t, resp))
}

func TestEachBrowserIsAnother(t *testing.T) {
	auth := start(t, passporttest.Options{AutoLogin: true})
	newParty(t, auth).login()
	newParty(t, auth).login()
	assert.Len(t, auth.Sessions(), 2)
}

func TestTheServerSaysThatItIsNeverForProduction(t *testing.T) {
	var log strings.Builder
	auth := start(t, passporttest.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	assert.Contains(t, log.String(), "never for production")
	assert.Contains(t, log.String(), auth.URL)
	assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
	resp, err := auth.Client().Get(auth.URL + "/v2/logout")
	require.NoError(t, err)
	assert.Contains(t, body(t, resp), "Never for production")
}
