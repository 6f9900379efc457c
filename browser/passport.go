package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage/localstorage"
)

// Passport signs the user of a browser in and out. [New] makes one, which a
// program keeps for as long as its page lives. All of its methods may be called
// from many goroutines, and in many tabs, at once.
type Passport struct {
	c          passport.Config
	engine     *passport.Passport
	sessions   *sessions
	unfinished *unfinished
	loginItem  string // of sessionStorage
	callback   string // the origin of LogoutRedirectURI
	sameHost   bool   // the auth domain's is that of the page

	logouts singleflight.Group

	// Logouts outlive the calls that asked for them, but not Close.
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup
}

// New checks c and builds a Passport from it. It reads what the browser has
// stored, and makes no call to the network. If the page is where the browser came
// back to from a logout, it takes note of that and tidies the page's address.
//
// c is as for passport.New, except for this. Store and EncryptionKeys must be
// empty, for the browser's storage is the only place, and ClientSecret too, for
// a page cannot keep one. RedirectURI and LogoutRedirectURI are pages of the
// program's. What concerns HTTP handlers (LoginPath, CookieName, OnError, ...) has
// no meaning.
//
// The error joins every problem of c, each with the name of its field, or says
// that the browser has no storage for the page, and why. On other platforms than
// js/wasm it wraps errors.ErrUnsupported.
func New(c passport.Config) (*Passport, error) {
	if window.Err() != nil {
		return nil, noBrowser("New")
	}
	if err := check(c); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SilentTimeout == 0 {
		c.SilentTimeout = defaultSilentTimeout
	}
	kept := &sessions{now: c.Now}
	store, err := localstorage.New(localstorage.Options{
		AuthenticationDomain: authenticationDomain(c),
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
	key, err := sealingKey(context.Background(), store, c.Now())
	if err != nil {
		return nil, err
	}
	if kept.keys, err = seal.New([][]byte{key}); err != nil {
		return nil, err
	}
	c.Store, c.EncryptionKeys = kept, [][]byte{key}
	engine, err := passport.New(c)
	if err != nil {
		return nil, err
	}
	c.EncryptionKeys = nil // not needed again, and not to be found
	p := &Passport{
		c:          c,
		engine:     engine,
		sessions:   kept,
		unfinished: &unfinished{store: store, now: c.Now},
		loginItem:  "passport-go:" + authenticationDomain(c) + ":" + c.ClientID + ":login",
	}
	p.life, p.end = context.WithCancel(context.Background())
	p.settleReturn()
	if err := p.noticeReturn(p.life); err != nil { // so the next login asks for credentials
		p.log().Warn("browser: the return from a logout could not be dealt with", "error", err)
	}
	return p, nil
}

// check reports what is wrong with c here. What else is wrong, the engine would
// say too late for all to be told at once, so it is asked as well.
func check(c passport.Config) error {
	var problems []error
	refuse := func(set bool, field, text string) {
		if set {
			problems = append(problems, errors.New("browser: Config."+field+" "+text))
		}
	}
	refuse(c.Store != nil, "Store", "is set, but the session is kept in the browser's storage: leave it empty")
	refuse(c.EncryptionKeys != nil, "EncryptionKeys", "is set, but a page cannot keep a key to itself: leave it empty")
	refuse(c.ClientSecret != "", "ClientSecret", "is set, but a page cannot keep a secret: register a public client, and leave it empty")
	c.Store, c.EncryptionKeys = nil, nil
	_, err := passport.New(c)
	return errors.Join(append(problems, err)...)
}

// authenticationDomain is what pages with the JavaScript SDK have under that name.
func authenticationDomain(c passport.Config) string {
	switch {
	case c.AuthDomain != "":
		return c.AuthDomain
	case c.Discover:
		return c.Issuer
	default:
		return authdomain.Default
	}
}

// Engine returns the Passport of package passport beneath, for what is no
// different in a browser: Client, Sessions, LogoutURL. It shares everything with
// p, and Close on either closes both.
func (p *Passport) Engine() *passport.Passport { return p.engine }

// Session returns the session: of a login here or in another tab, now or
// earlier, by this program or by a page with the JavaScript SDK.
// passport.ErrNoSession: nobody is signed in. Any other error: the browser's
// storage could not answer. ctx bounds how long Session.Done is kept up.
func (p *Passport) Session(ctx context.Context) (*passport.Session, error) {
	secret, err := p.sessions.secret(ctx)
	if err != nil {
		return nil, err
	}
	// Even if it is empty: what an earlier page has left to be done is begun.
	return p.engine.Session(ctx, secret)
}

// UserInfo is what the ID token of the session says of the user; see Profile of
// passport.Session. Errors as for Session.
func (p *Passport) UserInfo(ctx context.Context) (passport.Profile, error) {
	s, err := p.Session(ctx)
	if err != nil {
		return passport.Profile{}, err
	}
	return s.Profile(ctx)
}

// IDToken is the session's ID token; see IDToken of passport.Session. Errors as
// for Session.
func (p *Passport) IDToken(ctx context.Context) (passport.Secret, error) {
	s, err := p.Session(ctx)
	if err != nil {
		return "", err
	}
	return s.IDToken(ctx)
}

// AccessToken is an access token that lives for 30 s at least, or for whatever is
// left of that if it cannot be refreshed now; see AccessToken of passport.Session.
// One tab refreshes it for all. Errors as for Session, and of that method.
func (p *Passport) AccessToken(ctx context.Context) (passport.Secret, error) {
	s, err := p.Session(ctx)
	if err != nil {
		return "", err
	}
	return s.AccessToken(ctx)
}

// Close ends what p has under way, as Close of package passport does. What is
// owed then stands in the browser's storage, for the next page. A page that is
// simply left needs no Close.
func (p *Passport) Close(ctx context.Context) error {
	p.end()
	p.work.Wait()
	return p.engine.Close(ctx)
}

// Format prints the client ID and nothing else, whatever the verb.
func (p *Passport) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "browser.Passport("+p.c.ClientID+")")
}

func (p *Passport) log() *slog.Logger {
	if p.c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return p.c.Logger
}
