package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
)

// driver is a program that is built on one of the drivers, and its user's browser.
type driver interface {
	// login opens a tab, and gets as far in it as the way back to the program.
	login(passport.LoginOptions) tab

	// logout logs out, and has the browser take the trip.
	logout(trip) (passport.Logout, error)

	session() (*passport.Session, error)
	unfinished() bool

	// restart ends the program, and starts it again.
	restart()

	engine() *passport.Passport
	held() string // what the browser has of the program
}

// tab ends a login, and returns where the user ends up.
type tab func() (returnTo string, err error)

// trip is what a browser does with the URL of a logout.
type trip int

const (
	visited trip = iota // goes there, and comes back
	lost                // does not get there
	forged              // does not get there, and is sent back by somebody who guesses
)

// drivers are all that run outside a browser, with what makes one.
func drivers() map[string]func(*site) driver {
	return map[string]func(*site) driver{
		"handlers": func(s *site) driver {
			return &carriedDriver{s: s, b: s.browser(), p: s.p, c: &cookieCarrier{s: s, p: s.p, cookies: map[string]string{}}}
		},
		"handlers and a callback of the program's own": func(s *site) driver {
			return &carriedDriver{s: s, b: s.browser(), p: s.p, c: &cookieCarrier{s: s, p: s.p, cookies: map[string]string{}, own: true}}
		},
		"verbs": func(s *site) driver {
			return &carriedDriver{s: s, b: s.browser(), p: s.p, c: &verbCarrier{s: s, p: s.p}}
		},
		"native": func(s *site) driver {
			d := &nativeDriver{s: s, b: s.browser(), opened: make(chan string, 10)}
			d.start()
			return d
		},
	}
}

// carriedDriver is a program that carries a BrowserState.
type carriedDriver struct {
	s *site
	b *browser
	p *passport.Passport
	c carrier
}

func (d *carriedDriver) engine() *passport.Passport          { return d.p }
func (d *carriedDriver) session() (*passport.Session, error) { return d.c.session() }
func (d *carriedDriver) unfinished() bool                    { return d.c.unfinished() }

func (d *carriedDriver) login(o passport.LoginOptions) tab {
	link := d.b.link(delivered(d.c.login(o)))
	return func() (string, error) {
		r := delivered(d.c.callback(link))
		if r.failed {
			return "", errors.New(r.text)
		}
		return r.location, nil
	}
}

func (d *carriedDriver) logout(v trip) (passport.Logout, error) {
	r := delivered(d.c.logout())
	switch v {
	case visited:
		if back := d.b.stay().get(r.location).Header.Get("Location"); back != "" {
			delivered(d.c.returned(back))
		}
	case forged:
		delivered(d.c.returned(forgery(d.s, r.location)))
	}
	if r.failed {
		return r.account, errors.New(r.text)
	}
	return r.account, nil
}

func (d *carriedDriver) restart() {
	_ = d.p.Close(d.s.t.Context())
	d.p = newPassport(d.s.t, d.s.c)
	d.c.at(d.p)
}

func (d *carriedDriver) held() string {
	if c, ok := d.c.(*cookieCarrier); ok {
		return fmt.Sprint(c.cookies)
	}
	return fmt.Sprint(d.c.(*verbCarrier).jar)
}

// secret is the id of the session.
func (d *carriedDriver) secret() string {
	if c, ok := d.c.(*cookieCarrier); ok {
		return c.cookies["passport"]
	}
	return d.c.(*verbCarrier).jar["session"]
}

// forgery is the way back from a logout, made up by somebody who knows all but its
// state.
func forgery(s *site, logoutURL string) string {
	u, err := url.Parse(returned(s.t, logoutURL))
	require.NoError(s.t, err)
	query := u.Query()
	state := query.Get("passport_logout")
	require.NotEmpty(s.t, state)
	query.Set("passport_logout", strings.Repeat("A", len(state)))
	u.RawQuery = query.Encode()
	return u.String()
}

// nativeDriver is a desktop program.
type nativeDriver struct {
	s      *site
	b      *browser // the system's
	p      *native.Passport
	opened chan string
}

func (d *nativeDriver) start() {
	c := native.Config{Config: d.s.c, OpenBrowser: func(_ context.Context, address string) error {
		d.opened <- address
		return nil
	}, LoginTimeout: 20 * time.Second, LogoutTimeout: 20 * time.Second}
	c.RedirectURI, c.LogoutRedirectURI = "", ""
	var err error
	d.p, err = native.New(c)
	require.NoError(d.s.t, err)
	p := d.p
	d.s.t.Cleanup(func() { _ = p.Close(context.Background()) })
}

func (d *nativeDriver) restart() {
	_ = d.p.Close(d.s.t.Context())
	d.start()
}

func (d *nativeDriver) engine() *passport.Passport { return d.p.Engine() }

func (d *nativeDriver) session() (*passport.Session, error) { return d.p.Session(d.s.t.Context()) }

func (d *nativeDriver) unfinished() bool {
	_, unfinished := d.p.UnfinishedLogout(d.s.t.Context())
	return unfinished
}

// next is where the browser is sent from an address.
func (d *nativeDriver) next(address string) string {
	a := d.b.stay().get(address)
	require.NotEmpty(d.s.t, a.Header.Get("Location"), a.body)
	here, err := url.Parse(address)
	require.NoError(d.s.t, err)
	to, err := here.Parse(a.Header.Get("Location"))
	require.NoError(d.s.t, err)
	return to.String()
}

// sent is where the program's two pages send the browser.
func (d *nativeDriver) sent(address string) string { return d.next(d.next(address)) }

func (d *nativeDriver) login(o passport.LoginOptions) tab {
	link, ended := d.begin(d.s.t.Context(), o)
	used := false
	return func() (string, error) {
		if used {
			return "", d.replay(link)
		}
		used = true
		d.b.stay().get(link)
		return "", <-ended
	}
}

// begin begins a login, and returns the address of its callback.
func (d *nativeDriver) begin(ctx context.Context, o passport.LoginOptions) (link string, ended chan error) {
	ended = make(chan error, 1)
	go func() {
		_, err := d.p.Login(ctx, o)
		ended <- err
	}()
	return d.next(d.sent(d.address(ended))), ended
}

// address is what the browser is opened with, unless that comes to nothing.
func (d *nativeDriver) address(ended <-chan error) string {
	d.s.t.Helper()
	select {
	case address := <-d.opened:
		return address
	case err := <-ended:
		require.FailNow(d.s.t, "no browser is opened", "%v", err)
		return ""
	}
}

// replay has another login wait, since nothing listens otherwise, and goes to its
// callback with what came back from one before.
func (d *nativeDriver) replay(link string) error {
	ctx, cancel := context.WithCancel(d.s.t.Context())
	defer cancel()
	other, ended := d.begin(ctx, passport.LoginOptions{})
	_, query, _ := strings.Cut(link, "?")
	callback, _, _ := strings.Cut(other, "?")
	d.b.stay().get(callback + "?" + query)
	cancel()
	return <-ended
}

func (d *nativeDriver) logout(v trip) (passport.Logout, error) {
	ctx, cancel := context.WithCancel(d.s.t.Context())
	defer cancel()
	var l passport.Logout
	ended := make(chan error, 1)
	go func() {
		var err error
		l, err = d.p.Logout(ctx)
		ended <- err
	}()
	address := d.address(ended)
	switch v {
	case visited:
		d.b.get(address)
	case forged:
		d.b.stay().get(forgery(d.s, d.sent(address)))
		cancel()
	case lost:
		cancel()
	}
	err := <-ended
	if errors.Is(err, context.Canceled) {
		err = nil // the browser was not waited for
	}
	return l, err
}

func (d *nativeDriver) held() string { return fmt.Sprint(d.b.cookies()) }
