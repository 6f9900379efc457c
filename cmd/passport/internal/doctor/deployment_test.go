package doctor

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

const (
	clientID     = "shop"
	clientSecret = "s3cret of the shop"
)

var firstKey, secondKey = []byte("0123456789abcdefghijklmnopqrstuv"), []byte("vutsrqponmlkjihgfedcba9876543210")

// deployment is a program behind a proxy, and its provider. What is nil is sound.
type deployment struct {
	mode     passport.LogoutMode
	auth     passporttest.Options
	fault    passporttest.Fault
	register func(c *passporttest.Client)    // with the provider
	config   func(c *passport.Config)        // of the program and of the doctor
	running  func(c *passport.Config)        // of the program alone
	routes   func(r *routes)                 // of the program
	program  func(http.Handler) http.Handler // around the program
	proxy    func(*httputil.ReverseProxy)
	front    func(http.Handler) http.Handler // around the proxy
	secure   bool                            // https in front
	oneHost  bool                            // the provider is behind the same proxy
	server   func(s *httptest.Server)        // of the proxy
	instance int                             // how many more instances there are
}

// routes are the handlers of a program.
type routes struct {
	login, redirect, logout, back, home http.Handler
	prefix                              string
}

// running is a deployment that runs.
type running struct {
	auth   *passporttest.Server
	config passport.Config
	front  *httptest.Server
}

func (d deployment) start(t *testing.T) running {
	t.Helper()
	handler := make(chan http.Handler, 1)
	serve := sync.OnceValue(func() http.Handler { return <-handler })
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve().ServeHTTP(w, r) }))
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	if d.server != nil {
		d.server(front)
	}
	if d.secure {
		front.StartTLS()
	} else {
		front.Start()
	}
	t.Cleanup(front.Close)
	config := passport.Config{
		ClientID: clientID, RedirectURI: front.URL + "/redirect", LogoutRedirectURI: front.URL + "/signed-out", LogoutMode: d.mode,
		EncryptionKeys: [][]byte{firstKey},
	}
	if d.config != nil {
		d.config(&config)
	}
	client := passporttest.Client{ID: clientID, RedirectURIs: []string{config.RedirectURI}, LogoutURLs: []string{config.LogoutRedirectURI}}
	client.Secret = config.ClientSecret.Reveal()
	if d.register != nil {
		d.register(&client)
	}
	d.auth.Clients = []passporttest.Client{client}
	if d.oneHost {
		d.auth.Issuer = front.URL + "/"
	}
	auth := passporttest.NewServer(d.auth)
	t.Cleanup(auth.Close)
	auth.Inject(d.fault)
	switch {
	case config.Discover && config.Issuer == "":
		config.Issuer = auth.Issuer()
	case !config.Discover:
		config.AuthDomain = auth.URL
	}
	if d.oneHost {
		config.AuthDomain = front.URL
		d.front = func(next http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/", next)
			for _, path := range []string{"/authorize", "/.well-known/", "/oauth/", "/v2/logout"} {
				mux.Handle(path, auth)
			}
			return mux
		}
	}
	r := running{auth: auth, config: config, front: front}
	handler <- d.behind(t, r)
	return r
}

// behind is the proxy, with the program's instances in turn.
func (d deployment) behind(t *testing.T, r running) http.Handler {
	t.Helper()
	config := r.config
	if d.running != nil {
		d.running(&config)
	}
	var instances []*url.URL
	for i := range d.instance + 1 {
		own := config
		if i > 0 {
			own.EncryptionKeys = [][]byte{secondKey}
		}
		program := httptest.NewServer(d.newProgram(t, own, r.auth))
		t.Cleanup(program.Close)
		u, err := url.Parse(program.URL)
		require.NoError(t, err)
		instances = append(instances, u)
	}
	var turn atomic.Int64
	proxy := &httputil.ReverseProxy{ErrorLog: r.front.Config.ErrorLog, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(instances[int(turn.Add(1))%len(instances)])
		r.Out.Host = r.In.Host
	}}
	if d.proxy != nil {
		d.proxy(proxy)
	}
	if d.front != nil {
		return d.front(proxy)
	}
	return proxy
}

func (d deployment) newProgram(t *testing.T, config passport.Config, auth *passporttest.Server) http.Handler {
	t.Helper()
	config.HTTPClient = auth.Client()
	p, err := passport.New(config)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		assert.NoError(t, p.Close(ctx))
	})
	r := routes{
		login: http.HandlerFunc(p.Login), redirect: http.HandlerFunc(p.LoginCallback), logout: http.HandlerFunc(p.Logout),
		home: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<h1>Shop</h1>")) }),
	}
	r.back = r.home
	if config.LogoutMode == passport.LogoutSilent {
		u, err := url.Parse(config.RedirectURI)
		require.NoError(t, err)
		r.back = p.LogoutSilentCallback(u.Scheme + "://" + u.Host)
	}
	if d.routes != nil {
		d.routes(&r)
	}
	handler := p.Handler(r.mux())
	if d.program != nil {
		handler = d.program(handler)
	}
	return handler
}

func (r routes) mux() http.Handler {
	mux := http.NewServeMux()
	for path, handler := range map[string]http.Handler{
		"GET " + r.prefix + "/login": r.login, "GET " + r.prefix + "/redirect": r.redirect, "POST " + r.prefix + "/logout": r.logout,
		"GET " + r.prefix + "/signed-out": r.back, "GET " + r.prefix + "/{$}": r.home,
	} {
		if handler != nil {
			mux.Handle(path, handler)
		}
	}
	return mux
}

// examine runs the doctor on a deployment.
func (r running) examine(t *testing.T, change ...func(*Options)) Report {
	t.Helper()
	o := Options{Config: r.config, Timeout: 30 * time.Second, Transport: r.transport(t)}
	for _, f := range change {
		f(&o)
	}
	return Run(t.Context(), o)
}

// transport trusts the provider's certificate, and the proxy's.
func (r running) transport(t *testing.T) *http.Transport {
	t.Helper()
	transport := r.auth.Client().Transport.(*http.Transport).Clone()
	if r.front.TLS != nil {
		transport.TLSClientConfig = r.front.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	}
	return transport
}

func ids(r Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		all = append(all, f.ID)
	}
	return all
}
