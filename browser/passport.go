package browser

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage/localstorage"
)

// Passport signs the user of a browser in and out. [New] creates one, which a
// program keeps for as long as its page lives. All methods are safe for concurrent
// use, also in several tabs.
type Passport struct {
	c        Config
	engine   *passport.Passport
	sessions *sessions
	state    *states
	callback string // the origin of LogoutRedirectURI
	sameHost bool   // the auth domain's is that of the page
	key      []byte // seals what the engine stores
	popup    string // begins the names of the windows that LoginPopup and LogoutPopup open

	logouts singleflight.Group
	logins  logins

	loginPopups  popupCalls[struct{}]
	logoutPopups popupCalls[passport.Logout]

	leaving atomic.Value // the name of the logout that this page is noting, a string
	leftAt  atomic.Value // the time of its last one

	// Work in progress continues after the call that started it, but not after Close.
	life context.Context
	end  func()
	work sync.WaitGroup
}

// New checks c and creates a Passport from it. It reads what the browser has
// stored, and completes what an earlier page did not finish: a user who was signed
// out is signed out when New returns, whatever another script has written since. It
// makes no network calls. On the return from a logout, New records it and cleans up
// the page's address.
//
// The error joins every problem of c, each with the name of its field, or says why
// the browser has no storage for the page. On platforms other than js/wasm it wraps
// errors.ErrUnsupported.
//
// On the return from a logout in the window of [Passport.LogoutPopup], New first waits,
// for up to a second, for an answer of the page that opened it. If that page takes the
// logout, the window closes and the error is ErrPopup. If it is gone or does not answer,
// New continues as in any other window.
func New(c Config) (*Passport, error) {
	if window.Err() != nil {
		return nil, noBrowser("New")
	}
	if _, err := passport.New(c.engine(nil)); err != nil {
		return nil, err
	}
	if isLogoutReturn(query(), c.Discover) || c.Discover && isLogoutPopup() {
		if err := handOver(context.Background()); err != nil {
			return nil, err
		}
	}
	c = c.withDefaults()
	kept := &sessions{now: c.Now, tenant: envelope.NewTenant(authdomain.Issuer(c.Issuer, c.AuthDomain), c.ClientID)}
	store, err := localstorage.New(localstorage.Options{
		AuthenticationDomain: c.authenticationDomain(),
		ClientID:             c.ClientID,
		Lifetime:             c.SessionLifetime,
		WrittenBack:          kept.writtenBack,
		Now:                  c.Now,
		Logger:               c.Logger,
	})
	if err != nil {
		return nil, err
	}
	kept.Store = store
	key, err := sealingKey(context.Background(), store, c.Now(), newKey())
	if err != nil {
		return nil, err
	}
	if kept.keys, err = seal.New([][]byte{key}); err != nil {
		return nil, err
	}
	engine, err := passport.New(c.engine(kept, key))
	if err != nil {
		return nil, err
	}
	p := &Passport{
		c: c, engine: engine, sessions: kept, state: &states{store: store, now: c.Now}, key: key,
		popup: popupName + rand.Text(), // so that no other page finds it
	}
	life, end := context.WithCancelCause(context.Background())
	p.life, p.end = life, func() { end(passport.ErrClosed) }
	p.start()
	return p, nil
}

// start reads what earlier pages have stored, and completes what they did not finish.
// If that fails, the next login asks for credentials.
func (p *Passport) start() {
	p.knowCallback()
	if err := p.makeUp(p.life); err != nil {
		p.c.Logger.Warn("browser: an earlier logout could not be completed", "error", err)
	}
	if err := p.noticeReturn(p.life); err != nil {
		p.c.Logger.Warn("browser: the return from a logout could not be handled", "error", err)
	}
	if _, err := p.sessions.secret(p.life); err != nil {
		p.c.Logger.Warn("browser: the session could not be looked up", "error", err)
	}
	p.work.Go(p.watch)
}

// Engine returns the underlying Passport of package passport, for methods that are no
// different in a browser, such as Sessions and LogoutURL. It shares everything with p.
// Close p, which closes both.
func (p *Passport) Engine() *passport.Passport { return p.engine }

// Session returns the session, whether the login was here or in another tab, now or
// earlier, by this program or by a page with the JavaScript SDK.
// passport.ErrNoSession: nobody is signed in. Any other error: the browser's storage
// did not answer. Session.Done works until ctx is done.
func (p *Passport) Session(ctx context.Context) (*passport.Session, error) {
	secret, err := p.sessions.secret(ctx)
	if err != nil {
		return nil, err
	}
	// Even if it is empty: this starts work that an earlier page has left.
	return p.engine.Session(ctx, secret)
}

// Profile returns what the session's ID token says about the user; see Profile of
// passport.Session. Errors are as for Session.
func (p *Passport) Profile(ctx context.Context) (passport.Profile, error) {
	s, err := p.Session(ctx)
	if err != nil {
		return passport.Profile{}, err
	}
	return s.Profile(ctx)
}

// IDToken returns the session's ID token; see IDToken of passport.Session. Errors are
// as for Session.
func (p *Passport) IDToken(ctx context.Context) (passport.Secret, error) {
	s, err := p.Session(ctx)
	if err != nil {
		return "", err
	}
	return s.IDToken(ctx)
}

// AccessToken returns an access token that is valid for at least 30 s, or for less
// if it cannot be refreshed now; see AccessToken of passport.Session. One tab
// refreshes it for all. Errors are as for Session and that method.
func (p *Passport) AccessToken(ctx context.Context) (passport.Secret, error) {
	s, err := p.Session(ctx)
	if err != nil {
		return "", err
	}
	return s.AccessToken(ctx)
}

// Close finishes the background work, as Close of package passport does.
// Revocations that are still pending stay in the browser's storage for the next
// page. You need not call Close when the page is left.
func (p *Passport) Close(ctx context.Context) error {
	p.end()
	p.work.Wait()
	return p.engine.Close(ctx)
}

// Format prints the client ID and nothing else, whatever the verb.
func (p *Passport) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "browser.Passport("+p.c.ClientID+")")
}
