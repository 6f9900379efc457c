// Fiber is a site on github.com/gofiber/fiber, which is fasthttp and not net/http.
// Passport's handlers go through its adaptor, and sessions are looked up by the verb.
//
//	go run ./examples/recipes/fiber
//
// What the adaptor loses, and what this program does instead:
//
//   - The values of the context: after adaptor.HTTPMiddleware(p.Handler) there is no
//     SessionFrom. So lookUp calls p.Session.
//   - The end of a request: fasthttp's context ends with the server, and its memory is
//     used again for the next request. So handlers and streams get a context of ours,
//     and Session.Done one that ends with the stream.
//   - A header field that is sent twice arrives once, so p.RequireBearer cannot refuse a
//     request with two tokens.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

func main() { run.Main(serve) }

type site struct {
	p   *passport.Passport
	ctx context.Context // ends with the server
}

func serve(ctx context.Context, listener net.Listener, c passport.Config) error {
	c.LogoutRedirectURI += "signed-out" // a route of its own, for p.Handler stands around no other
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	s := &site{p, ctx}
	app := fiber.New()
	app.Get("/login", s.adapt(http.HandlerFunc(p.Login)))
	app.Get("/redirect", s.adapt(http.HandlerFunc(p.LoginCallback)))
	app.Post("/logout", s.adapt(http.HandlerFunc(p.Logout)))
	app.Get("/signed-out", s.adapt(p.Handler(http.RedirectHandler("/", http.StatusSeeOther))))

	// After the routes above: a logout works although the Store is down.
	app.Use(s.lookUp)
	app.Get("/", home)
	app.Get("/inventory", s.requireLogin, inventory)
	app.Get("/events", s.requireLogin, s.events)

	err = app.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true, GracefulContext: ctx})
	closing, cancel := run.Closing()
	defer cancel()
	return errors.Join(err, p.Close(closing))
}

// adapt makes a handler of Passport's one of fiber's.
func (s *site) adapt(h http.Handler) fiber.Handler {
	return adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(s.ctx))
	})
}

type sessionKey struct{}

func sessionFrom(c fiber.Ctx) *passport.Session {
	return fiber.Locals[*passport.Session](c, sessionKey{})
}

// lookUp is p.Handler for fiber.
func (s *site) lookUp(c fiber.Ctx) error {
	r, err := adaptor.ConvertRequest(c, true)
	if err != nil {
		return err
	}
	session, err := s.p.Session(s.ctx, s.p.BrowserState(r).Session)
	switch {
	case errors.Is(err, passport.ErrNoSession):
		return c.Next()
	case err != nil:
		return fiber.ErrServiceUnavailable // nobody knows whether the user is signed in
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	fiber.Locals(c, sessionKey{}, session)
	return c.Next()
}

// requireLogin has p.RequireLogin answer requests without a session.
func (s *site) requireLogin(c fiber.Ctx) error {
	if sessionFrom(c) != nil {
		return c.Next()
	}
	return s.adapt(s.p.RequireLogin(http.NotFoundHandler()))(c)
}

func home(c fiber.Ctx) error {
	var profile passport.Profile
	if session := sessionFrom(c); session != nil {
		var err error
		if profile, err = session.Profile(c); err != nil {
			return err
		}
	}
	c.Type("html", "utf-8")
	return run.Home(c, profile.Email)
}

func inventory(c fiber.Ctx) error {
	return c.SendString("The inventory of " + sessionFrom(c).Subject())
}

// events is a stream that ends with the session. It runs on after the handler has
// returned, when c must not be used any more.
func (s *site) events(c fiber.Ctx) error {
	session := sessionFrom(c)
	c.Set(fiber.HeaderContentType, "text/event-stream")
	return c.SendStreamWriter(func(w *bufio.Writer) {
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for now := time.Now(); ; {
			fmt.Fprintf(w, "data: %s\n\n", now.Format(time.TimeOnly))
			if w.Flush() != nil {
				return // the browser is gone
			}
			select {
			case <-session.Done(ctx):
				if ctx.Err() == nil { // Done is closed with its context, too
					fmt.Fprint(w, "event: signed-out\ndata:\n\n")
				}
				return
			case <-ctx.Done():
				return
			case now = <-ticks.C:
			}
		}
	})
}
