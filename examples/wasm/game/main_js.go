// Command game is a game for one, in the browser.
package main

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/browser"
)

func main() {
	g, err := newGame()
	if err != nil {
		fail(err)
		return
	}
	if err := g.begin(context.Background()); err != nil {
		fail(err)
	}
	select {} // until the page goes
}

// game has a Passport for each logout mode, so that the player can choose. They
// share the session; a game with one mode needs one.
type game struct {
	redirect, silent *browser.Passport
	score            int
}

func newGame() (*game, error) {
	origin := js.Global().Get("location").Get("origin").String()
	page := js.Global().Get("document").Get("documentElement").Get("dataset")
	c := browser.Config{
		ClientID:          page.Get("clientId").String(),
		AuthDomain:        page.Get("authDomain").String(),
		RedirectURI:       origin + "/redirect",
		LogoutRedirectURI: origin + "/",
	}
	redirect, err := browser.New(c)
	if err != nil {
		return nil, err
	}
	c.LogoutMode, c.LogoutRedirectURI = passport.LogoutSilent, origin+"/logout"
	silent, err := browser.New(c)
	return &game{redirect: redirect, silent: silent}, err
}

// begin finds out who plays.
func (g *game) begin(ctx context.Context) error {
	on("login", "click", func() error { return g.login(ctx) })
	on("coin", "click", g.collect)
	on("logout", "submit", func() error { return g.logout(ctx) })

	if js.Global().Get("location").Get("pathname").String() == "/redirect" {
		_, returnTo, err := g.redirect.LoginCallback(ctx)
		js.Global().Get("history").Call("replaceState", nil, "", either(returnTo, "/"))
		if err != nil && !errors.Is(err, passport.ErrNoSession) {
			fail(err)
		}
	}
	go g.follow(ctx)
	return g.welcome(ctx)
}

// retryPause is how long to wait when the browser's storage has failed.
const retryPause = 5 * time.Second

// follow shows what becomes of the session, also in another tab or in a popup that has
// outlived the page which opened it.
func (g *game) follow(ctx context.Context) {
	for {
		s, err := g.redirect.AwaitSession(ctx)
		if err == nil {
			err = g.welcome(ctx)
		}
		if err != nil {
			fail(err)
			time.Sleep(retryPause)
			continue
		}
		<-s.Done(ctx)
		if err := g.welcome(ctx); err != nil {
			fail(err)
		}
	}
}

// login leaves the page or, embedded in a portal, opens a popup.
func (g *game) login(ctx context.Context) error {
	err := g.redirect.Login(ctx, passport.LoginOptions{})
	if !errors.Is(err, browser.ErrEmbedded) {
		return err
	}
	if _, err := g.redirect.LoginPopup(ctx, passport.LoginOptions{}); err != nil {
		return err
	}
	return g.welcome(ctx)
}

// welcome shows the player, or the way to become one.
func (g *game) welcome(ctx context.Context) error {
	s, err := g.redirect.Session(ctx)
	if errors.Is(err, passport.ErrNoSession) {
		g.showUnfinished(ctx)
		show("out")
		return nil
	}
	if err != nil {
		return err
	}
	profile, err := s.Profile(ctx)
	if err != nil {
		return err
	}
	write("name", either(profile.Nickname, profile.Email))
	write("email", profile.Email)
	write("subject", profile.Subject)
	hide("account", true)
	hide("unfinished", true)
	show("in")
	return nil
}

func (g *game) showUnfinished(ctx context.Context) {
	l, there := g.redirect.UnfinishedLogout(ctx)
	hide("unfinished", !there)
	if there {
		element("unfinished").Call("querySelector", "a").Set("href", l.URL)
	}
}

func (g *game) collect() error {
	g.score++
	write("score", fmt.Sprintf("Coins: %d", g.score))
	return nil
}

func (g *game) logout(ctx context.Context) error {
	form := element("logout")
	form.Call("setAttribute", "aria-busy", "true")
	defer form.Call("removeAttribute", "aria-busy")
	p := g.redirect
	if form.Get("elements").Get("mode").Get("value").String() == "silent" {
		p = g.silent
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	logout := p.Logout
	if p == g.redirect && !js.Global().Get("top").Equal(js.Global().Get("self")) {
		logout = p.LogoutPopup // a frame is never left
	}
	l, err := logout(ctx)
	for id, outcome := range map[string]passport.Outcome{"app": l.App, "revocation": l.Revocation, "passport": l.Passport} {
		write(id, string(outcome))
		element(id).Set("className", string(outcome))
	}
	hide("account", false)
	return errors.Join(err, g.welcome(ctx))
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
