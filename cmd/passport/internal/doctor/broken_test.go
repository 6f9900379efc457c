package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// Each deployment is broken in one way, which is found by its ID, and by no other.
// What keeps the rest from being examined, or has two sides, has a second ID.
func TestABrokenDeploymentIsFound(t *testing.T) {
	discover := func(c *passport.Config) { c.Discover = true }
	tests := map[string]struct {
		deployment
		want []string
	}{
		// The configuration.
		"no client ID": {deployment{config: func(c *passport.Config) { c.ClientID = "" }, running: validClient}, []string{"config.invalid"}},
		"another client runs": {
			deployment{running: func(c *passport.Config) { c.Audience = "other" }}, []string{"config.differs"}},
		"another mode runs": {
			deployment{mode: passport.LogoutSilent, running: func(c *passport.Config) { c.LogoutMode = passport.LogoutRedirect },
				routes: func(r *routes) { r.back = callbackPage(r.back) }},
			[]string{"config.differs", "silent.not-callback"}},
		"another logout URI runs": {
			deployment{running: func(c *passport.Config) {
				c.LogoutRedirectURI = strings.Replace(c.LogoutRedirectURI, "signed-out", "bye", 1)
			}},
			[]string{"config.differs", "return.unnoticed"}},

		// The provider.
		"the provider has another issuer": {
			deployment{fault: edit("/.well-known/openid-configuration", "issuer", "https://auth.example/")}, []string{"discovery.issuer"}},
		"a discovered provider has no document": {
			deployment{config: discover, fault: passporttest.Fault{Path: "/.well-known/openid-configuration", Status: 404}},
			[]string{"discovery.unreadable"}},
		"the provider is down": {deployment{fault: passporttest.Fault{Cut: true}}, []string{"provider.unreachable"}},
		"plain http beyond this machine": {
			deployment{config: discover, fault: edit("/.well-known/openid-configuration", "userinfo_endpoint", "http://auth.example/userinfo")},
			[]string{"discovery.insecure", "provider.unreachable"}},
		"no PKCE": {
			deployment{fault: edit("/.well-known/openid-configuration", "code_challenge_methods_supported", []string{"plain"})},
			[]string{"discovery.no-pkce"}},
		"no logout": {
			deployment{config: discover, fault: edit("/.well-known/openid-configuration", "end_session_endpoint", nil)}, []string{"discovery.no-logout"}},
		"no revocation": {
			deployment{config: discover, fault: edit("/.well-known/openid-configuration", "revocation_endpoint", nil)}, []string{"discovery.no-revocation"}},
		"a scope that is not offered": {
			deployment{config: func(c *passport.Config) { c.Discover, c.Scopes = true, []string{"openid", "transact"} }}, []string{"discovery.scope"}},
		"client authentication that is not offered": {
			deployment{config: func(c *passport.Config) {
				c.Discover, c.ClientAuth, c.ClientSecret = true, passport.ClientSecretPost, clientSecret
			}, fault: edit("/.well-known/openid-configuration", "token_endpoint_auth_methods_supported", []string{"client_secret_basic"})},
			[]string{"discovery.client-auth"}},

		// Its keys.
		"the keys are gone": {
			deployment{fault: passporttest.Fault{Path: "/.well-known/jwks.json", Status: 503}}, []string{"keys.unreachable"}},
		"no keys": {deployment{fault: edit("/.well-known/jwks.json", "keys", []any{})}, []string{"keys.none"}},
		"a key that cannot be read": {
			deployment{fault: addKey(map[string]any{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "bad"})}, []string{"keys.unreadable"}},
		"a key that is no object": {deployment{fault: addKey(7)}, []string{"keys.unreadable"}},
		"a key for encryption, which does not say so": {
			deployment{fault: addKey(map[string]any{"kty": "EC", "crv": "P-256", "alg": "ECDH-ES"})}, []string{"keys.unreadable"}},
		"a private key": {
			deployment{fault: addKey(map[string]any{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "d": "AAAA"})}, []string{"keys.private"}},
		"a weak key": {
			deployment{fault: addKey(map[string]any{"kty": "RSA", "n": strings.Repeat("q", 171), "e": "AQAB"})}, []string{"keys.weak"}},
		"a key for symmetric signatures": {
			deployment{fault: edit("/.well-known/openid-configuration", "id_token_signing_alg_values_supported", []string{"HS256"})},
			[]string{"keys.algorithm"}},

		// Clocks.
		"the program's clock is wrong": {
			deployment{proxy: func(p *httputil.ReverseProxy) {
				p.ModifyResponse = func(r *http.Response) error {
					r.Header.Set("Date", time.Now().Add(-3*time.Minute).UTC().Format(http.TimeFormat))
					return nil
				}
			}}, []string{"clock.program"}},
		"this machine's clock is wrong": {
			deployment{auth: passporttest.Options{Now: func() time.Time { return time.Now().Add(20 * time.Second) }}}, []string{"clock.here"}},

		// The client and what is registered.
		"an unknown client": {
			deployment{register: func(c *passporttest.Client) { c.ID = "someone-else" }}, []string{"client.unknown"}},
		"a wrong secret": {
			deployment{config: func(c *passport.Config) { c.ClientSecret = "wrong and secret" }, register: func(c *passporttest.Client) { c.Secret = clientSecret }},
			[]string{"client.refused"}},
		"a wrong secret, of which the code comes first": {
			deployment{config: func(c *passport.Config) { c.ClientSecret = "wrong and secret" }, register: func(c *passporttest.Client) { c.Secret = clientSecret },
				fault: passporttest.Fault{Path: "/oauth/token", Error: "invalid_grant", Status: 400}},
			[]string{"client.refused"}},
		"no secret": {
			deployment{register: func(c *passporttest.Client) { c.Secret = clientSecret }}, []string{"client.refused"}},
		"the redirect URI is not registered": {
			deployment{register: func(c *passporttest.Client) { c.RedirectURIs = []string{"http://127.0.0.1:3000/redirect"} }},
			[]string{"redirect-uri.unregistered"}},
		"the redirect URI has another slash": {
			deployment{register: func(c *passporttest.Client) { c.RedirectURIs[0] += "/" }}, []string{"redirect-uri.unregistered"}},
		"every redirect URI is allowed": {
			deployment{register: func(c *passporttest.Client) { c.RedirectURIs = append(c.RedirectURIs, nobodys) }}, []string{"redirect-uri.any"}},
		"the logout URI is not registered": {
			deployment{register: func(c *passporttest.Client) { c.LogoutURLs = nil }}, []string{"logout-uri.unregistered"}},
		"the logout URI of a discovered provider is not registered": {
			deployment{config: discover, register: func(c *passporttest.Client) { c.LogoutURLs = nil }}, []string{"logout-uri.unregistered"}},
		"every logout URI is allowed": {
			deployment{register: func(c *passporttest.Client) { c.LogoutURLs = append(c.LogoutURLs, nobodys) }}, []string{"logout-uri.any"}},
		"the provider refuses the login": {
			deployment{fault: passporttest.Fault{Path: "/authorize", Error: "invalid_scope"}}, []string{"login.refused"}},
		"the provider shows a page whatever it is asked": {
			deployment{fault: passporttest.Fault{Path: "/authorize", Status: 200, Body: "Sign in"}}, []string{"redirect-uri.unknown"}},
		"the provider does not answer logins": {deployment{fault: passporttest.Fault{Path: "/authorize", Cut: true}}, []string{"redirect-uri.unknown"}},
		"the provider's logout shows a page whatever it is asked": {
			deployment{fault: passporttest.Fault{Path: "/v2/logout", Status: 200, Body: "Really?"}}, []string{"logout-uri.unknown"}},

		// The program and its proxies.
		"the program is down": {deployment{front: cut}, []string{"program.unreachable"}},
		"no login":            {deployment{routes: func(r *routes) { r.login = nil }}, []string{"login.not-found"}},
		"the program is broken": {
			deployment{front: always(http.StatusBadGateway)}, []string{"login.failed", "logout.not-logout", "return.unnoticed"}},
		"a single-page app answers everything": {
			deployment{front: always(http.StatusOK)}, []string{"login.not-login", "logout.not-logout", "return.unnoticed"}},
		"the proxy rewrites redirects": {
			deployment{proxy: locations(func(to string) string {
				u, _ := url.Parse(to)
				if u.Path == "/authorize" {
					u.Host = "internal.example:8080"
				}
				return u.String()
			})}, []string{"login.elsewhere"}},
		"no callback": {deployment{routes: func(r *routes) { r.redirect = nil }}, []string{"callback.not-found"}},
		"the callback fails": {
			deployment{routes: func(r *routes) {
				next := r.redirect
				r.redirect = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Cookie") == "" {
						next.ServeHTTP(w, r)
						return
					}
					http.Error(w, "broken", http.StatusInternalServerError)
				})
			}}, []string{"callback.failed"}},
		"error pages that say nothing": {
			deployment{running: func(c *passport.Config) {
				c.OnError = func(w http.ResponseWriter, r *http.Request, _ int, _ error) {
					http.Redirect(w, r, "/", http.StatusSeeOther)
				}
			}}, []string{"callback.unknown"}},
		"the proxy replaces Host": {
			deployment{front: changed(func(r *http.Request) { r.Host = "app.internal:8080" })}, []string{"proxy.host"}},
		"a prefix that the program does not know": {
			deployment{
				config: func(c *passport.Config) {
					c.RedirectURI = strings.Replace(c.RedirectURI, "/redirect", "/shop/redirect", 1)
				},
				front: func(next http.Handler) http.Handler { return http.StripPrefix("/shop", next) },
			}, []string{"proxy.prefix", "logout.not-found", "return.unnoticed"}},
		"the proxy loses the query": {
			deployment{front: changed(func(r *http.Request) {
				if r.URL.Path == "/redirect" {
					r.URL.RawQuery = ""
				}
			})}, []string{"proxy.query"}},
		"the proxy drops the cookies of requests": {
			deployment{front: changed(func(r *http.Request) { r.Header.Del("Cookie") })}, []string{"proxy.cookies"}},
		"the proxy drops the cookies of responses": {
			deployment{proxy: setCookie(func(string) string { return "" })}, []string{"cookie.missing", "proxy.cookies"}},
		"a cookie with another name": {
			deployment{running: func(c *passport.Config) { c.CookieName = "other" }}, []string{"cookie.missing"}},
		"the proxy makes cookies Secure on http": {
			deployment{proxy: setCookie(func(c string) string { return c + "; Secure" })}, []string{"cookie.secure"}},
		"the proxy makes cookies insecure on https": {
			deployment{secure: true, proxy: setCookie(func(c string) string { return strings.Replace(c, "; Secure", "", 1) })}, []string{"cookie.secure"}},
		"the proxy changes the cookies' path": {
			deployment{proxy: setCookie(func(c string) string { return strings.Replace(c, "Path=/", "Path=/app", 1) })}, []string{"cookie.prefix"}},
		"the proxy adds a domain to cookies": {
			deployment{proxy: setCookie(func(c string) string { return c + "; Domain=example.com" })}, []string{"cookie.prefix"}},
		"the program runs as if without https": {
			deployment{secure: true, proxy: setCookie(func(c string) string { return strings.Replace(c, "__Host-", "", 1) })},
			[]string{"cookie.prefix", "proxy.cookies"}},
		"the proxy lets scripts read cookies": {
			deployment{proxy: setCookie(func(c string) string { return strings.Replace(c, "; HttpOnly", "", 1) })}, []string{"cookie.http-only"}},
		"the proxy makes cookies strict": {
			deployment{proxy: setCookie(func(c string) string { return strings.Replace(c, "SameSite=Lax", "SameSite=Strict", 1) })}, []string{"cookie.same-site"}},
		"cookies come twice": {
			deployment{proxy: func(p *httputil.ReverseProxy) {
				p.ModifyResponse = func(r *http.Response) error {
					r.Header["Set-Cookie"] = append(r.Header["Set-Cookie"], r.Header["Set-Cookie"]...)
					return nil
				}
			}}, []string{"cookie.twice"}},

		// Instances and caches.
		"two instances with two keys": {deployment{instance: 1}, []string{"encryption-keys.differ"}},
		"two instances while keys are replaced": {
			deployment{instance: 1, config: func(c *passport.Config) { c.EncryptionKeys = append(c.EncryptionKeys, secondKey) }},
			[]string{"encryption-keys.rotating"}},
		"another key runs": {
			deployment{running: func(c *passport.Config) { c.EncryptionKeys = nil }}, []string{"encryption-keys.other"}},
		"a cache answers logins whose requests are pushed": {deployment{
			front: cached("/login"), auth: passporttest.Options{RequirePushedRequests: true}, config: func(c *passport.Config) { c.Discover = true },
		}, []string{"cache.login"}},
		"a cache answers logins": {deployment{front: cached("/login")}, []string{"cache.login"}},
		"a CDN lets responses be stored": {
			deployment{proxy: func(p *httputil.ReverseProxy) {
				p.ModifyResponse = func(r *http.Response) error {
					r.Header.Set("Cache-Control", "public, max-age=60")
					r.Header.Set("Vary", "Cookie")
					return nil
				}
			}}, []string{"cache.stored", "cache.stored"}},
		"a CDN keeps the program's page": {
			deployment{front: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/" {
						w.Header().Set("X-Cache", "Hit from the edge")
					}
					next.ServeHTTP(w, r)
				})
			}}, []string{"cache.page"}},

		// Logouts.
		"no logout in the program": {deployment{routes: func(r *routes) { r.logout = nil }}, []string{"logout.not-found"}},
		"the program's store is off": {
			deployment{running: func(c *passport.Config) { c.Store = offStore{memory.New(memory.Options{})} }}, []string{"store.down"}},
		"another logout": {
			deployment{routes: func(r *routes) { r.logout = r.home }}, []string{"logout.not-logout"}},
		"other CSRF middleware": {
			deployment{program: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost {
						http.Error(w, "CSRF token missing", http.StatusForbidden)
						return
					}
					next.ServeHTTP(w, r)
				})
			}}, []string{"logout.refused"}},
		"the proxy removes Origin": {
			deployment{front: changed(func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") })}, []string{"logout.cross-site"}},
		"Handler is not around the page at LogoutRedirectURI": {
			deployment{front: func(next http.Handler) http.Handler {
				mux := http.NewServeMux()
				mux.Handle("/", next)
				mux.HandleFunc("/signed-out", func(http.ResponseWriter, *http.Request) {})
				return mux
			}}, []string{"return.unnoticed"}},
		"a trusted origin of another site": {
			deployment{config: func(c *passport.Config) { c.TrustedOrigins = []string{"https://app.example.com"} }}, []string{"origins.cross-site"}},
		"the proxy answers preflights": {
			deployment{
				config: func(c *passport.Config) { c.TrustedOrigins = []string{"http://127.0.0.1:5173"} },
				front: func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.Method != http.MethodOptions {
							next.ServeHTTP(w, r)
						}
					})
				},
			}, []string{"origins.preflight"}},
		"CORS middleware around the program": {
			deployment{
				config: func(c *passport.Config) { c.TrustedOrigins = []string{"http://127.0.0.1:5173"} },
				proxy: func(p *httputil.ReverseProxy) {
					p.ModifyResponse = func(r *http.Response) error {
						r.Header.Add("Access-Control-Allow-Origin", "http://127.0.0.1:5173")
						return nil
					}
				},
			}, []string{"origins.preflight"}},
		"a policy that forbids the way to the provider": {
			deployment{program: withHeader("Content-Security-Policy", "form-action 'self'")}, []string{"csp.form-action"}},
		"a policy in the page": {
			deployment{routes: func(r *routes) {
				r.home = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, `<meta http-equiv="Content-Security-Policy" content="form-action 'none'">`)
				})
			}}, []string{"csp.form-action"}},

		// Silent mode.
		"no callback of logouts": {silent(func(d *deployment) { d.routes = func(r *routes) { r.back = nil } }), []string{"silent.not-found"}},
		"another page at the callback of logouts": {
			silent(func(d *deployment) { d.routes = func(r *routes) { r.back = r.home } }), []string{"silent.not-callback"}},
		"the proxy forbids framing": {
			silent(func(d *deployment) { d.front = withHeaders("X-Frame-Options", "DENY") }), []string{"silent.framing"}},
		"the proxy adds a policy": {
			silent(func(d *deployment) {
				d.front = withHeaders("Content-Security-Policy", "frame-ancestors 'none'")
			}), []string{"silent.parent", "silent.framing"}},
		"the proxy removes the policy": {
			silent(func(d *deployment) {
				d.proxy = func(p *httputil.ReverseProxy) {
					p.ModifyResponse = func(r *http.Response) error {
						r.Header.Del("Content-Security-Policy")
						return nil
					}
				}
			}), []string{"silent.framing"}},
		"the callback is for another parent": {
			silent(func(d *deployment) {
				d.running = func(c *passport.Config) {}
				d.proxy = func(p *httputil.ReverseProxy) {
					p.ModifyResponse = func(r *http.Response) error {
						csp := r.Header.Get("Content-Security-Policy")
						before, _, _ := strings.Cut(csp, "frame-ancestors")
						if before != csp {
							r.Header.Set("Content-Security-Policy", before+"frame-ancestors http://localhost:3000")
						}
						return nil
					}
				}
			}), []string{"silent.parent"}},
		"a policy that forbids the iframe": {
			silent(func(d *deployment) { d.program = withHeader("Content-Security-Policy", "default-src 'self'") }), []string{"silent.frame-src"}},
		"a page that is isolated": {
			silent(func(d *deployment) { d.program = withHeader("Cross-Origin-Embedder-Policy", "require-corp") }), []string{"silent.isolated"}},
		"a provider that asks on a page that may not be framed": {
			silent(func(d *deployment) { d.fault = passporttest.Fault{Path: "/v2/logout", DenyFraming: true} }),
			[]string{"silent.provider-page"}},
		"an auth domain of another site": {
			silent(func(d *deployment) { d.auth.Host = "auth.localhost" }), []string{"silent.third-party"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := test.start(t).examine(t)
			assert.ElementsMatch(t, test.want, ids(report), "%+v", report.Findings)
		})
	}
}

// offStore is a store that does not answer.
type offStore struct{ *memory.Store }

var errOff = errors.New("connection refused")

func (offStore) Load(context.Context, string) (storage.Record, error) {
	return storage.Record{}, errOff
}

func (offStore) Save(context.Context, storage.Record) (storage.Record, error) {
	return storage.Record{}, errOff
}

func (offStore) Delete(context.Context, string) (storage.Record, error) {
	return storage.Record{}, errOff
}

// validClient is for a program that runs although the doctor's configuration is wrong.
func validClient(c *passport.Config) { c.ClientID = clientID }

// edit changes a member of a document of the provider, or takes it out.
func edit(path, name string, value any) passporttest.Fault {
	return passporttest.Fault{Path: path, EditAnswer: func(answer map[string]any) {
		if value == nil {
			delete(answer, name)
			return
		}
		answer[name] = value
	}}
}

func addKey(key any) passporttest.Fault {
	return passporttest.Fault{Path: "/.well-known/jwks.json", EditAnswer: func(answer map[string]any) {
		answer["keys"] = append(answer["keys"].([]any), key)
	}}
}

func silent(change func(*deployment)) deployment {
	d := deployment{mode: passport.LogoutSilent}
	change(&d)
	return d
}

func callbackPage(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "signed out") })
}

func cut(http.Handler) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

func always(status int) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
}

// changed changes requests before the proxy has them.
func changed(change func(*http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			change(r)
			next.ServeHTTP(w, r)
		})
	}
}

// withHeaders adds a header to what the program has sent.
func withHeaders(name, value string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/signed-out" {
				w.Header().Add(name, value)
			}
			next.ServeHTTP(w, r)
		})
	}
}

func locations(change func(string) string) func(*httputil.ReverseProxy) {
	return func(p *httputil.ReverseProxy) {
		p.ModifyResponse = func(r *http.Response) error {
			if to := r.Header.Get("Location"); to != "" {
				r.Header.Set("Location", change(to))
			}
			return nil
		}
	}
}

func setCookie(change func(string) string) func(*httputil.ReverseProxy) {
	return func(p *httputil.ReverseProxy) {
		p.ModifyResponse = func(r *http.Response) error {
			lines := slices.Clone(r.Header["Set-Cookie"])
			for i, line := range lines {
				lines[i] = change(line)
			}
			r.Header["Set-Cookie"] = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
			return nil
		}
	}
}

// cached answers a path with the first response for it.
func cached(path string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		first := make(chan *httptest.ResponseRecorder, 1)
		first <- nil
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				next.ServeHTTP(w, r)
				return
			}
			kept := <-first
			if kept == nil {
				kept = httptest.NewRecorder()
				next.ServeHTTP(kept, r)
			}
			first <- kept
			for name, values := range kept.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(kept.Code)
			_, _ = w.Write(kept.Body.Bytes())
		})
	}
}

func TestACertificateThatBrowsersRefuseIsFound(t *testing.T) {
	untrusted := func(o *Options) { o.Transport.TLSClientConfig = nil }
	for name, test := range map[string]struct {
		change func(*Options)
		server func(*httptest.Server)
		want   string
	}{
		"untrusted":    {change: untrusted, want: "tls.untrusted"},
		"another name": {server: certificate("app.example.com", time.Hour*24*90), want: "tls.name"},
		"expired":      {server: certificate("127.0.0.1", -time.Hour), want: "tls.expired"},
		"expires soon": {server: certificate("127.0.0.1", time.Hour*24*3), want: "tls.expires-soon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := deployment{secure: true, server: test.server}.start(t)
			report := r.examine(t, func(o *Options) {
				if test.change != nil {
					test.change(o)
				}
			})
			assert.Equal(t, []string{test.want}, ids(report), "%+v", report.Findings)
		})
	}
}

func TestAProviderWithACertificateThatProgramsRefuseIsFound(t *testing.T) {
	r := deployment{auth: passporttest.Options{TLS: true}}.start(t)
	report := r.examine(t, func(o *Options) { o.Transport.TLSClientConfig = nil })
	assert.Equal(t, []string{"tls.untrusted"}, ids(report), "%+v", report.Findings)

	broken := deployment{auth: passporttest.Options{TLS: true}, routes: func(r *routes) { r.logout = nil }}.start(t)
	report = broken.examine(t, func(o *Options) { o.Transport.TLSClientConfig = nil })
	assert.Equal(t, []string{"tls.untrusted", "logout.not-found"}, ids(report), "%+v", report.Findings)
}

// What is worst comes first, and a provider that cannot be reached does not keep the
// program from being examined.
func TestTheWorstComesFirst(t *testing.T) {
	r := silent(func(d *deployment) {
		d.auth.Host = "auth.localhost"
		d.register = func(c *passporttest.Client) { c.LogoutURLs = append(c.LogoutURLs, nobodys) }
		d.routes = func(r *routes) { r.logout = nil }
	}).start(t)
	assert.Equal(t, []string{"logout.not-found", "logout-uri.any", "silent.third-party"}, ids(r.examine(t)))

	r.auth.Close()
	report := r.examine(t)
	assert.Equal(t, []string{"provider.unreachable", "logout.not-found", "silent.third-party"}, ids(report), "%+v", report.Findings)
}

func TestTheDoctorEndsInTime(t *testing.T) {
	r := deployment{fault: passporttest.Fault{Hang: true}}.start(t)
	begun := time.Now()
	report := r.examine(t, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	assert.Less(t, time.Since(begun), 20*time.Second)
	assert.Contains(t, ids(report), "doctor.unfinished")
}

// The client's secret goes where the SDK would send it, and nowhere else.
func TestTheSecretStaysWithTheProvider(t *testing.T) {
	for name, fault := range map[string]passporttest.Fault{
		"another issuer":  edit("/.well-known/openid-configuration", "issuer", "https://auth.example/"),
		"in the clear":    edit("/.well-known/openid-configuration", "revocation_endpoint", "http://auth.example/revoke"),
		"no such address": edit("/.well-known/openid-configuration", "revocation_endpoint", "::"),
	} {
		r := deployment{config: func(c *passport.Config) { c.Discover, c.ClientSecret = true, clientSecret }, fault: fault}.start(t)
		var dialled sync.Map
		report := r.examine(t, func(o *Options) {
			o.ProviderOnly = true
			dial := o.Transport.DialContext
			o.Transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dialled.Store(addr, nil)
				return dial(ctx, network, addr)
			}
		})
		assert.NotEmpty(t, report.Findings, name)
		assert.Empty(t, r.auth.Requests("/oauth/revoke", "/oauth/token"), name)
		_, elsewhere := dialled.Load("auth.example:80")
		assert.False(t, elsewhere, name)
	}
}

// A load balancer chooses an instance for each connection.
func TestEachLoginHasAConnectionOfItsOwn(t *testing.T) {
	var peers sync.Map
	r := deployment{front: changed(func(r *http.Request) {
		if r.URL.Path == "/login" {
			peers.Store(r.RemoteAddr, nil)
		}
	})}.start(t)
	assert.Empty(t, r.examine(t).Findings)
	count := 0
	peers.Range(func(any, any) bool { count++; return true })
	assert.Equal(t, mostLogins, count)
}

func TestOnlyTheProvider(t *testing.T) {
	r := deployment{front: cut}.start(t)
	assert.Empty(t, r.examine(t, func(o *Options) { o.ProviderOnly = true }).Findings)
}
