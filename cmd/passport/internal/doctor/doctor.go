// Package doctor finds out what is wrong with a deployment, from the outside: it asks
// the provider and the running program what a browser would ask them, without a
// session, and compares the answers with the configuration. It is what the command
// passport doctor runs.
//
// catalogue.go has the text of every finding, and a file for each subject looks for them.
// What is wrong with a store or its server, the store finds itself: see inspect.go of each
// store, and package storage/inspect.
//
// It changes nothing. At the provider it begins logins and logouts that name no
// session, and redeems a code that does not exist. At the program it begins logins,
// which end with login_required, and logs out a browser that is not signed in.
package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/text"
)

// Options say what is examined. Config is required.
type Options struct {
	Config passport.Config

	// ProviderOnly leaves the program alone, for one that is not running.
	ProviderOnly bool

	// StoreURL is where the program serves inspect.Handler. Empty: the store is not
	// examined.
	StoreURL string

	// Transport makes the connections. It is copied. Nil: http.DefaultTransport.
	Transport *http.Transport

	// Timeout bounds the whole examination. 0 means a minute.
	Timeout time.Duration

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

const (
	defaultTimeout = time.Minute
	requestTimeout = 10 * time.Second
)

// Run examines a deployment. It always ends within Options.Timeout, or when ctx does.
func Run(ctx context.Context, o Options) Report {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	e := &examination{o: o, c: o.Config, transport: transportOf(o.Transport), report: Report{Findings: []Finding{}}}
	defer e.transport.CloseIdleConnections()
	e.keepSecret(o.Config)
	if e.begin() {
		defer e.p.Close(ctx)
		e.examine(ctx)
	}
	e.report.sort()
	return e.report
}

// Unreadable is the report on a configuration that could not be read.
func Unreadable(err error) Report {
	e := &examination{}
	e.invalid(err)
	return e.report
}

func (e *examination) invalid(err error) {
	for line := range strings.Lines(err.Error()) {
		e.find("config.invalid", "%s", strings.TrimPrefix(strings.TrimSpace(line), "passport: "))
	}
}

// examination is one run.
type examination struct {
	o         Options
	c         passport.Config
	p         *passport.Passport // of the same configuration, with a store of its own
	at        site
	transport *http.Transport

	provider providerFacts
	login    loginFacts

	secrets []string // that were sent or received, and must not be printed
	report  Report
}

// begin checks the configuration by itself.
func (e *examination) begin() bool {
	c := e.c
	c.HTTPClient = &http.Client{Transport: e.transport, Timeout: requestTimeout}
	c.Store, c.Now = nil, e.o.Now
	if c.ClientAuth == passport.PrivateKeyJWT && c.ClientKey == nil {
		c.ClientKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // only Go code has the real one
	}
	p, err := passport.New(c)
	if err != nil {
		e.invalid(err)
		return false
	}
	e.p, e.at = p, newSite(c)
	return true
}

func (e *examination) examine(ctx context.Context) {
	checks := []func(context.Context){e.checkProvider, e.checkRegistration, e.checkClient}
	if !e.o.ProviderOnly && e.c.RedirectURI != "" {
		checks = append(checks, e.checkProgram)
	}
	if e.o.StoreURL != "" {
		checks = append(checks, e.checkStore)
	}
	for _, check := range checks {
		if ctx.Err() == nil {
			check(ctx)
		}
	}
	if ctx.Err() != nil {
		e.find("doctor.unfinished", "%v", context.Cause(ctx))
	}
}

// keepSecret remembers what of the configuration must not be printed.
func (e *examination) keepSecret(c passport.Config) {
	secret := c.ClientSecret.Reveal()
	basic := url.QueryEscape(c.ClientID) + ":" + url.QueryEscape(secret) // RFC 6749 §2.3.1
	e.secrets = append(e.secrets, secret, base64.StdEncoding.EncodeToString([]byte(basic)))
	for _, key := range c.EncryptionKeys {
		e.secrets = append(e.secrets, string(key), base64.StdEncoding.EncodeToString(key))
	}
}

// scrub takes secrets out of a text that others may have written.
func (e *examination) scrub(s string) string {
	for _, secret := range e.secrets {
		if len(secret) < 4 {
			continue
		}
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			s = strings.ReplaceAll(s, form, "[secret]")
		}
	}
	return text.Line(s, 600)
}

// site is where the program is, as browsers see it.
type site struct {
	origin, prefix string
	login, logout  string // URLs
	home           string
	cookie         string // the beginning of the names of the cookies of logins
	secure         bool
}

func newSite(c passport.Config) site {
	u, err := url.Parse(c.RedirectURI)
	if err != nil || c.RedirectURI == "" {
		return site{}
	}
	s := site{origin: authdomain.OriginOf(u), secure: u.Scheme == "https", cookie: or(c.CookieName, "passport") + "-login-"}
	if s.secure {
		s.cookie = "__Host-" + s.cookie
	}
	if base, err := url.Parse(c.BaseURL); err == nil {
		s.prefix = strings.TrimRight(base.EscapedPath(), "/")
	}
	s.login = s.url(or(c.LoginPath, "/login"))
	s.logout = s.url(or(c.LogoutPath, "/logout"))
	s.home = s.url(or(c.HomePath, "/"))
	return s
}

// url is the address of a path, which may be written with the prefix or without it.
func (s site) url(path string) string {
	if s.prefix != "" && path != s.prefix && !strings.HasPrefix(path, s.prefix+"/") {
		path = s.prefix + path
	}
	return s.origin + path
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
