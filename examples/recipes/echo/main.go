// Echo is a site on github.com/labstack/echo. Passport's handlers go through
// echo.WrapHandler, and its middleware through echo.WrapMiddleware.
//
//	go run ./examples/recipes/echo
package main

import (
	"context"
	"net"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

func main() { run.Main(serve) }

func serve(ctx context.Context, listener net.Listener, c passport.Config) error {
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	e := echo.New()
	e.Use(middleware.Recover(), echo.WrapMiddleware(p.Handler))
	e.GET("/login", wrap(p.Login))
	e.GET("/redirect", wrap(p.LoginCallback))
	e.POST("/logout", wrap(p.Logout))
	e.GET("/", home)
	users := e.Group("", echo.WrapMiddleware(p.RequireLogin))
	users.GET("/inventory", inventory)
	return run.HTTP(ctx, listener, e, p)
}

func wrap(h http.HandlerFunc) echo.HandlerFunc { return echo.WrapHandler(h) }

func home(c *echo.Context) error {
	var profile passport.Profile
	ctx := c.Request().Context()
	if session := passport.SessionFrom(ctx); session != nil {
		var err error
		if profile, err = session.Profile(ctx); err != nil {
			return err
		}
	}
	c.Response().Header().Set("Content-Type", "text/html; charset=utf-8")
	return run.Home(c.Response(), profile.Email)
}

func inventory(c *echo.Context) error {
	session := passport.SessionFrom(c.Request().Context()) // never nil in here
	return c.String(http.StatusOK, "The inventory of "+session.Subject())
}
