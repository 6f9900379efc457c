package browser_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/browser"
)

// The page of a game: it knows its player, or has a button to sign in.
func Example() {
	p, err := browser.New(browser.Config{
		ClientID:          "your client ID",
		RedirectURI:       "https://game.example/redirect",
		LogoutRedirectURI: "https://game.example/logout",
		LogoutMode:        passport.LogoutSilent,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	session, err := p.Session(ctx)
	switch {
	case errors.Is(err, passport.ErrNoSession):
		err = p.Login(ctx, passport.LoginOptions{ReturnTo: "/"}) // leaves the page
	case err == nil:
		fmt.Println("welcome,", session.Subject())
		_, err = p.Logout(ctx)
	}
	if err != nil {
		fmt.Println(err)
	}
}
