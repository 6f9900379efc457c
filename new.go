package passport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/circuit"
	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/marks"
	"github.com/passport-go/passport/internal/notice"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/retry"
	"github.com/passport-go/passport/internal/storecheck"
	"github.com/passport-go/passport/internal/tasks"
	"github.com/passport-go/passport/internal/tokencache"
	"github.com/passport-go/passport/storage"
)

// New checks c and creates a Passport from it. It makes no network calls and starts
// no goroutines; those that later calls start end with [Passport.Close]. The error
// joins every problem of c, each with the name of its field.
func New(c Config) (*Passport, error) {
	s, err := c.check()
	if err != nil {
		return nil, err
	}
	told := events{now: s.Now, logger: s.Logger, tell: s.OnEvent, counts: newCounts()}
	s.Trace = told.guard(s.Trace)
	p := &Passport{
		c:       s,
		events:  told,
		tasks:   tasks.New(),
		meter:   newMeter(s.Trace),
		flights: &singleflight.Group{},
		slow:    &provider.Slow{},

		verified:       &tokencache.Cache[provider.BearerToken]{},
		anonymousMarks: &marks.Budget{},
		longReturns:    &marks.Budget{},
	}
	p.records = records.New(p.measured(s.Store), s.keys, s.tenant, s.Now)
	p.provider = newProvider(s, p.tasks)
	p.logins = loginstate.Sealer{Records: p.records}
	p.overtaken = marks.LoginBook{Records: p.records, Now: s.Now, Life: loginstate.Life + time.Minute}
	// A token is good from up to ClockLeeway before its iat until as long after its end.
	p.signedOut = marks.BearerBook{Records: p.records, Now: s.Now, Life: s.BearerLifetime + 2*s.ClockLeeway + time.Minute}
	p.retries = retry.New(p.tasks, records.Timeout, s.Logger)
	notifier, _ := s.Store.(storage.Notifier)
	p.notices = notice.NewWatcher(notice.Config{Store: p.measured(s.Store), Notifier: notifier, Owns: p.records.Owns, Tasks: p.tasks, Timeout: records.Timeout, Now: s.Now, Logger: s.Logger, Ended: p.records.Ended()})
	p.records.OnReturn(p.endAgain)
	p.records.UseCircuit(circuit.New(s.Logger, p.retries.Wake))
	p.revoker = newRevoker(p)
	p.storeHealth, p.providerHealth = newStoreHealth(p), newProviderHealth(p)
	p.setURLs()
	warnOfHiddenInterfaces(s)
	return p, nil
}

// setURLs derives from the configuration where a browser goes, and comes back.
func (p *Passport) setURLs() {
	p.http = newHTTPDriver(p.c)
	p.logoutURL = p.c.endpoints.LogoutURL(p.c.ClientID, authdomain.ReturnTo(p.c.LogoutRedirectURI, ""), p.c.Federated)
}

// newProvider builds the client of the provider that c names. A discovery runs in
// a goroutine of t's.
func newProvider(c *config, t *tasks.Group) *provider.Client {
	config := provider.Config{
		Issuer:             c.Issuer,
		ClientID:           c.ClientID,
		ClientSecret:       c.ClientSecret.Reveal(),
		Auth:               provider.ClientAuth(c.ClientAuth),
		Key:                c.ClientKey,
		KeyID:              c.ClientKeyID,
		Scopes:             c.Scopes,
		Audience:           c.Audience,
		UserInfo:           c.UserInfo,
		LoginParams:        c.LoginParams,
		LogoutParams:       c.LogoutParams,
		DiscoveryURL:       c.DiscoveryURL,
		InsecureHTTP:       c.InsecureProviderHTTP,
		Push:               c.PushedRequests,
		StrictLogoutTokens: c.StrictLogoutTokens,
		HTTPClient:         c.HTTPClient,
		Now:                c.Now,
		Run: func(f func(context.Context)) {
			if !t.Start(f) {
				f(t.Last())
			}
		},
		Start:  t.Start,
		Leeway: c.ClockLeeway,
	}
	if !c.Discover {
		config.Endpoints = &c.endpoints
	}
	return provider.New(config)
}

// warnOfHiddenInterfaces logs that the Store wraps another and so hides what that
// one can do.
func warnOfHiddenInterfaces(c *config) {
	hidden := storecheck.Find(c.Store)
	if len(hidden) == 0 {
		return
	}
	attrs := []any{"store", fmt.Sprintf("%T", c.Store), "wraps", hidden[0].Wrapped}
	for _, h := range hidden {
		attrs = append(attrs, h.Interface, h.Effect)
	}
	c.Logger.Warn("passport: Config.Store hides interfaces of the store that it wraps: "+
		"forward their methods, or embed the type of that store (see package storage, Wrapping a store)", attrs...)
}

// WithPort returns a copy of p whose loopback URIs use port, for a program that
// listens on any free port, as a desktop program does while it waits for the
// browser (RFC 8252 §7.3). It applies to RedirectURI and LogoutRedirectURI if they
// are on a loopback host and have no port. Everything else is shared with p; Close
// on either closes both. A login has to finish at the port at which it started.
//
// The auth domain has to allow these URIs with any port. WithPort panics if port is
// not from 1 to 65535.
func (p *Passport) WithPort(port int) *Passport {
	if port < 1 || port > 65535 {
		panic("passport: WithPort: a port is from 1 to 65535")
	}
	c := *p.c
	c.RedirectURI = addPort(c.RedirectURI, port)
	c.LogoutRedirectURI = addPort(c.LogoutRedirectURI, port)
	there := *p
	there.c = &c
	there.setURLs()
	return &there
}

// addPort adds a port to a loopback address that has none.
func addPort(address string, port int) string {
	u, err := url.Parse(address)
	if err != nil || u.Port() != "" || !authdomain.Loopback(u.Hostname()) {
		return address
	}
	u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	return u.String()
}

// replicasPause is longer than a store gives its replicas after they did not confirm:
// what it says meanwhile is not theirs.
const replicasPause = 1100 * time.Millisecond

// Close finishes the background work, until ctx is done. It waits for refreshes, and
// tries once more to end sessions and to revoke tokens for which that failed before
// (twice, if only the Store's replicas have not confirmed it). From a durable Store it
// also claims the pending revocations of earlier runs once, for programs that run only
// briefly. Call it after the HTTP server's Shutdown. It does not close the Store or the
// HTTPClient. Calling it again does nothing.
//
// The error lists what is lost: sessions that the Store could not end, or whose end its
// replicas have not confirmed (storage.ErrNotReplicated), and refresh tokens that could
// not be revoked and are in no durable queue. Revocations that a durable queue keeps for
// the next start are not an error.
func (p *Passport) Close(ctx context.Context) error {
	if p.tasks.Stopping().Err() == nil { // else there are no goroutines left to try it in
		p.retries.Try(ctx)
		if p.retries.Count(waitsForReplicas) > 0 && tasks.Pause(ctx, replicasPause) == nil {
			p.retries.Try(ctx)
		}
		p.revoker.Finish(ctx)
	}
	p.tasks.Finish(ctx)
	p.provider.Close()
	p.c.HTTPClient.CloseIdleConnections() // those to the API
	var errs []error
	if n := p.retries.Losses(); n > 0 {
		errs = append(errs, fmt.Errorf("passport: sessions could not be ended, and live until they expire: %d", n))
	}
	if n := p.retries.Count(waitsForReplicas); n > 0 {
		errs = append(errs, fmt.Errorf("passport: %d sessions have ended, but a fail-over of the store may bring them back", n))
	}
	if n := p.revoker.Unrevoked(); n > 0 {
		errs = append(errs, fmt.Errorf("passport: %d refresh tokens could not be revoked before the end", n))
	}
	if len(errs) > 0 {
		errs = append(errs, ctx.Err())
	}
	return errors.Join(errs...)
}
