// Gin is a site on github.com/gin-gonic/gin. Passport's handlers go through gin.WrapF;
// its middleware through use, below.
//
//	go run ./examples/recipes/gin
package main

import (
	"context"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

func main() { run.Main(serve) }

func serve(ctx context.Context, listener net.Listener, c passport.Config) error {
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery(), use(p.Handler))
	r.GET("/login", gin.WrapF(p.Login))
	r.GET("/redirect", gin.WrapF(p.LoginCallback))
	r.POST("/logout", gin.WrapF(p.Logout))
	r.GET("/", home)
	users := r.Group("/", use(p.RequireLogin))
	users.GET("/inventory", inventory)
	return run.HTTP(ctx, listener, r, p)
}

// use makes gin's middleware of net/http's. The session is in the context of the
// request that the middleware passes on.
func use(middleware func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r
			c.Next()
		})
		middleware(next).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort() // it has answered
		}
	}
}

func home(c *gin.Context) {
	var profile passport.Profile
	// Not SessionFrom(c): a gin.Context does not have the request's values, unless
	// Engine.ContextWithFallback is set.
	if session := passport.SessionFrom(c.Request.Context()); session != nil {
		var err error
		if profile, err = session.Profile(c.Request.Context()); err != nil {
			c.String(http.StatusInternalServerError, "Your profile cannot be read.")
			return
		}
	}
	c.Header("Content-Type", "text/html; charset=utf-8")
	_ = run.Home(c.Writer, profile.Email) // fails only if the browser is gone
}

func inventory(c *gin.Context) {
	session := passport.SessionFrom(c.Request.Context()) // never nil in here
	c.String(http.StatusOK, "The inventory of %s", session.Subject())
}
