package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/pages"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage/memory"
)

// Config is what [New] builds a [Passport] from. Only ClientID is required.
type Config struct {
	// Config is the Config of package passport, with these differences.
	//
	// RedirectURI and LogoutRedirectURI are where the browser comes back. They use
	// http on 127.0.0.1, [::1] or localhost, the same host and port, and different
	// paths. Without a port, each login and logout uses any free port. Default:
	// http://127.0.0.1/callback and http://127.0.0.1/logout.
	//
	// Store keeps the session between runs: see storage/file and storage/keyring,
	// and Key of both for EncryptionKeys. Default: a new memory.Store, so each run
	// begins signed out.
	//
	// LogoutMode must be passport.LogoutRedirect, because there is no page for an
	// iframe.
	passport.Config

	// OpenBrowser opens a URL in the user's browser. Show the URL only to that user: it
	// works for one login or logout. It is called in a goroutine of its own, and may
	// return as soon as the browser starts, or when the user closes it: once the browser
	// has opened the page, nobody waits for it, and its error does not count. ctx is done
	// if the login or logout gives up before that. Default: the function [OpenBrowser];
	// if its command fails later, before the browser has opened the page, the login or
	// logout ends with ErrNoBrowser.
	OpenBrowser func(ctx context.Context, url string) error

	// LoginTimeout is how long Login waits for the browser, while the user types.
	// Default: 5 min. At most 10 min, the lifetime of a login.
	LoginTimeout time.Duration

	// LogoutTimeout is how long Logout waits for the browser. The user does not
	// have to do anything, unless a discovered provider asks. Default: 30 s.
	LogoutTimeout time.Duration
}

const (
	defaultRedirectURI   = "http://127.0.0.1/callback"
	defaultLogoutURI     = "http://127.0.0.1/logout"
	defaultLoginTimeout  = 5 * time.Minute
	longestLogin         = 10 * time.Minute
	defaultLogoutTimeout = 30 * time.Second
)

// Passport signs one user in and out. [New] creates one. All methods are safe for
// concurrent use, also by several processes; with a fixed port, only one login or
// logout at a time can wait for the browser.
type Passport struct {
	c       Config
	engine  *passport.Passport
	current *current

	login, logout *url.URL // where the browser comes back
	pages         *pages.Set

	mu        sync.Mutex
	lingering *loopback // of the last login or logout, or nil
}

// New checks c and creates a Passport from it. It makes no network calls and opens
// no port. The error joins every problem of c, each with the name of its field.
func New(c Config) (*Passport, error) {
	p := &Passport{}
	problems := c.resolve()
	var err error
	if p.login, p.logout, err = returns(c.RedirectURI, c.LogoutRedirectURI); err != nil {
		problems = append(problems, err)
	}
	keys, err := seal.New(c.EncryptionKeys)
	if err == nil {
		p.current = newCurrent(c, keys)
	}
	// A key that seal does not take, the engine does not take either.
	if p.engine, err = passport.New(c.Config); err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	p.pages, _ = pages.NewSet(c.Pages, cmp.Or(c.Logger, slog.New(slog.DiscardHandler))) // the engine has checked them
	c.EncryptionKeys = nil                                                              // not needed again, and not to be found
	p.c = c
	return p, nil
}

// resolve fills in the defaults and returns the problems.
func (c *Config) resolve() (problems []error) {
	add := func(field, text string) {
		problems = append(problems, errors.New("native: Config."+field+" "+text))
	}
	setDefault(&c.RedirectURI, defaultRedirectURI)
	setDefault(&c.LogoutRedirectURI, defaultLogoutURI)
	setDefault(&c.LoginTimeout, defaultLoginTimeout)
	setDefault(&c.LogoutTimeout, defaultLogoutTimeout)
	if c.LogoutMode == passport.LogoutSilent {
		add("LogoutMode", "is passport.LogoutSilent, which needs a page of yours for its iframe: leave it empty")
	}
	if c.LoginTimeout < 0 || c.LoginTimeout > longestLogin {
		add("LoginTimeout", "must be from 0, for five minutes, to ten minutes, after which a login is no longer good")
	}
	if c.LogoutTimeout < 0 {
		add("LogoutTimeout", "is negative, but the wait must end at some time: set a positive duration, or 0 for 30 s")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Store == nil {
		c.Store = memory.New(memory.Options{Now: c.Now})
	}
	return problems
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// returns reads the two addresses at which one listener receives the browser.
func returns(redirectURI, logoutURI string) (login, logout *url.URL, err error) {
	if login, err = parseReturn("RedirectURI", redirectURI); err != nil {
		return nil, nil, err
	}
	if logout, err = parseReturn("LogoutRedirectURI", logoutURI); err != nil {
		return nil, nil, err
	}
	if login.Host != logout.Host {
		return nil, nil, errors.New("native: Config.LogoutRedirectURI must have the host and the port of RedirectURI: one listener serves both, and the browser tells by a cookie there that it is the one that signed in")
	}
	if login.Path == logout.Path {
		return nil, nil, errors.New("native: Config.LogoutRedirectURI must have another path than RedirectURI")
	}
	return login, logout, nil
}

func parseReturn(field, raw string) (*url.URL, error) {
	u, err := authdomain.ParseHTTP(raw)
	if err != nil {
		return nil, fmt.Errorf("native: Config.%s %w", field, err)
	}
	if u.Scheme != "http" || !authdomain.Loopback(u.Hostname()) {
		return nil, fmt.Errorf("native: Config.%s must be on this machine, such as %s: the browser comes back to a port of it", field, defaultRedirectURI)
	}
	if port, _ := strconv.Atoi(u.Port()); isBlocked(port) {
		return nil, fmt.Errorf("native: Config.%s has port %d, to which browsers do not connect: choose another", field, port)
	}
	setDefault(&u.Path, "/")
	return u, nil
}

// Engine returns the underlying Passport of package passport, for methods that are no
// different on a desktop, such as Sessions and Stats. It shares everything with p, and
// Close on either closes both.
func (p *Passport) Engine() *passport.Passport { return p.engine }

// Session returns the current session, from a login in this run or an earlier one,
// in this process or another. passport.ErrNoSession: the user is signed out. Any
// other error: the Store could not answer.
func (p *Passport) Session(ctx context.Context) (*passport.Session, error) {
	for before := ""; ; {
		now, err := p.current.load(ctx)
		if err != nil {
			return nil, err
		}
		p.endReplaced(ctx, now.Replaced)
		if now.Ending { // by a process that did not live to see it
			_, err := p.carryOut(ctx, p.engine, now)
			return nil, errors.Join(passport.ErrNoSession, err)
		}
		if before != "" && now.Session == before {
			return nil, passport.ErrNoSession
		}
		// Also if there is none: the engine then begins with revocations that are due.
		session, err := p.engine.Session(ctx, passport.Secret(now.Session))
		if now.Session == "" || !errors.Is(err, passport.ErrNoSession) {
			return session, err
		}
		before = now.Session // a login may have replaced it meanwhile
	}
}

// UnfinishedLogout returns the last logout if it is not known to have ended the
// Passport session, so that the program can offer to finish it. Calling Logout
// again finishes it. If the Store does not answer, the logout counts as unfinished.
//
// Logout.URL is for display: nothing listens where the browser comes back from there.
// It is empty while a discovered provider cannot be reached, or if the request is too
// long for a URL.
func (p *Passport) UnfinishedLogout(ctx context.Context) (passport.Logout, bool) {
	now, err := p.withoutPendingLogout(ctx)
	if err != nil && now.Logout == "" {
		now.Logout = unreadable
	}
	l, unfinished := p.engine.UnfinishedLogout(ctx, now.browserState())
	if strings.HasPrefix(l.URL, p.c.RedirectURI+"?") { // where a back end would have it finished
		l.URL = ""
	}
	return l, unfinished
}

// Close finishes the background work, as Close of package passport does: it waits
// for refreshes, and retries failed revocations once, until ctx is done. A durable
// store keeps those that fail again for the next run. Close does not stop a Login
// or Logout that waits for the browser; their contexts do.
func (p *Passport) Close(ctx context.Context) error {
	p.linger(nil)
	return p.engine.Close(ctx)
}

// openLoopback listens where u is. The port of the last login may be the same.
func (p *Passport) openLoopback(u *url.URL) (*loopback, error) {
	p.linger(nil)
	return openLoopback(u, p.pages)
}

// release closes l, after lingerTime if it has answered its browser.
func (p *Passport) release(l *loopback) {
	select {
	case <-l.answered:
		p.linger(l)
	default:
		l.close()
	}
}

// linger closes the server that lingers, and has l take its place.
func (p *Passport) linger(l *loopback) {
	if l != nil {
		l.end = time.AfterFunc(lingerTime, l.close)
	}
	p.mu.Lock()
	before := p.lingering
	p.lingering = l
	p.mu.Unlock()
	if before != nil {
		before.end.Stop()
		before.close()
	}
}

// Format prints the client ID and nothing else, whatever the verb.
func (p *Passport) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "native.Passport("+p.c.ClientID+")")
}
