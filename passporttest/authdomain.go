package passporttest

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// AuthDomain is a stand-in for the Passport auth domain. It is an
// [http.Handler]; [New] makes one for a server of your own, and [NewServer] also
// serves it. All methods are safe for concurrent use.
type AuthDomain struct {
	options Options // never changed after New
	mux     *http.ServeMux
	keys    keyring
	db      database
	faults  faults
	record  recorder
	outbox  outbox

	issuerMu sync.Mutex
	issuer   string
}

// New returns an auth domain that is not served yet. It panics if o is invalid: a
// client without an ID, a user without a Subject, or a duplicate.
func New(o Options) *AuthDomain {
	o = o.withDefaults()
	o.check()
	d := &AuthDomain{options: o, issuer: o.Issuer}
	d.keys.open()
	d.outbox.open()
	d.mux = d.routes()
	return d
}

func (d *AuthDomain) routes() *http.ServeMux {
	sameOrigin := http.NewCrossOriginProtection()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+discoveryPath, d.discovery)
	mux.HandleFunc("GET "+keysPath, d.jwks)
	mux.HandleFunc("GET /authorize", d.authorize)
	mux.HandleFunc("POST /authorize", d.authorize)
	mux.HandleFunc("POST "+pushedPath, d.pushRequest)
	mux.HandleFunc("GET "+loginPath, d.loginPage)
	mux.Handle("POST "+loginPath, sameOrigin.Handler(http.HandlerFunc(d.submitLogin)))
	mux.HandleFunc("POST /oauth/device/code", d.deviceAuthorization)
	mux.HandleFunc("GET "+activatePath, d.activate)
	mux.Handle("POST "+activatePath, sameOrigin.Handler(http.HandlerFunc(d.submitActivate)))
	mux.HandleFunc("POST /oauth/token", d.token)
	mux.HandleFunc("POST /oauth/revoke", d.revoke)
	mux.HandleFunc("GET /userinfo", d.userinfo)
	mux.HandleFunc("POST /userinfo", d.userinfo)
	mux.HandleFunc("GET /v2/logout", d.logout)
	mux.HandleFunc("GET /oidc/logout", d.oidcLogout)
	mux.HandleFunc("POST /oidc/logout", d.oidcLogout)
	mux.Handle("POST "+confirmPath, sameOrigin.Handler(http.HandlerFunc(d.confirmLogout)))
	return mux
}

// Issuer returns the issuer, as in tokens. It is empty until the first request if
// [Options.Issuer] is not set: see there.
func (d *AuthDomain) Issuer() string {
	d.issuerMu.Lock()
	defer d.issuerMu.Unlock()
	return d.issuer
}

// learnIssuer takes the issuer from the first request, so that a handler works
// behind any server without being told its address.
func (d *AuthDomain) learnIssuer(r *http.Request) {
	d.issuerMu.Lock()
	defer d.issuerMu.Unlock()
	if d.issuer != "" {
		return
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	d.issuer = scheme + r.Host + "/"
}

func (d *AuthDomain) setIssuer(issuer string) {
	d.issuerMu.Lock()
	defer d.issuerMu.Unlock()
	d.issuer = issuer
}

// endpoint returns the full URL of a path such as "/oauth/token".
func (d *AuthDomain) endpoint(path string) string {
	return strings.TrimSuffix(d.Issuer(), "/") + path
}

func (d *AuthDomain) now() time.Time { return d.options.Now() }
