package guidetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// tenants are programs by host.
type tenants map[string]*tenant

type tenant struct {
	p       *passport.Passport
	handler http.Handler
}

// newTenants makes a Passport for each tenant, on one store with one key.
func newTenants(configs map[string]passport.Config, store storage.TokenStore, keys [][]byte) (tenants, error) {
	all := tenants{}
	for host, c := range configs {
		c.Store, c.EncryptionKeys = store, keys
		p, err := passport.New(c)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: %w", host, err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /login", p.Login)
		mux.HandleFunc("GET /redirect", p.LoginCallback)
		mux.HandleFunc("POST /logout", p.Logout)
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
			if session := passport.SessionFrom(r.Context()); session != nil {
				fmt.Fprintf(w, "%s at %s", session.Subject(), host)
			}
		})
		all[host] = &tenant{p, p.Handler(mux)}
	}
	return all, nil
}

func (t tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant := t[r.Host]
	if tenant == nil {
		http.Error(w, "There is no such shop.", http.StatusNotFound)
		return
	}
	tenant.handler.ServeHTTP(w, r)
}

// Close finishes the background work of all tenants. Close the store after it.
func (t tenants) Close(ctx context.Context) error {
	var err error
	for host, tenant := range t {
		if e := tenant.p.Close(ctx); e != nil {
			err = errors.Join(err, fmt.Errorf("tenant %s: %w", host, e))
		}
	}
	return err
}

func TestTenantsOnOneStoreAreStrangers(t *testing.T) {
	app := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(app.Listener.Addr().String())
	require.NoError(t, err)
	red, blue := "red.localhost:"+port, "blue.localhost:"+port
	auths, configs := map[string]*passporttest.Server{}, map[string]passport.Config{}
	for _, host := range []string{red, blue} {
		auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
		t.Cleanup(auth.Close)
		auths[host] = auth
		configs[host] = passport.Config{
			ClientID: passporttest.ClientID, AuthDomain: auth.URL,
			RedirectURI: "http://" + host + "/redirect", LogoutRedirectURI: "http://" + host + "/",
		}
	}
	all, err := newTenants(configs, memory.New(memory.Options{}), [][]byte{[]byte("0123456789abcdefghijklmnopqrstuv")})
	require.NoError(t, err)
	app.Config.Handler = all
	app.Start()
	t.Cleanup(func() {
		app.Close()
		assert.NoError(t, all.Close(context.Background()))
	})

	alice := passporttest.DefaultUser().Subject // the same sub at both providers
	atRed, atBlue := auths[red].Browser(), auths[blue].Browser()
	assert.Equal(t, alice+" at "+red, get(t, atRed, "http://"+red+"/login").body)
	assert.Equal(t, alice+" at "+blue, get(t, atBlue, "http://"+blue+"/login").body)

	stolen := atRed.Jar.Cookies(request(t, "GET", "http://"+red+"/").URL)
	require.NotEmpty(t, stolen)
	r := request(t, "GET", "http://"+blue+"/")
	for _, c := range stolen {
		r.AddCookie(c)
	}
	stranger := auths[blue].Client()
	assert.Empty(t, do(t, stranger, r).body, "a cookie of red's is nobody at blue's")

	_, err = all[red].p.EndSessions(t.Context(), storage.Match{Subject: alice})
	require.NoError(t, err)
	assert.Empty(t, get(t, atRed, "http://"+red+"/").body)
	assert.Equal(t, alice+" at "+blue, get(t, atBlue, "http://"+blue+"/").body)
	assert.Equal(t, http.StatusNotFound, get(t, stranger, "http://green.localhost:"+port+"/").StatusCode)
}
