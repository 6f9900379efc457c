// Command game is a program with package browser, for tests to play with: what it
// can do is in window.game, as functions that return promises. window.config says
// how its Passport is to be.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"syscall/js"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/browser"
)

func main() {
	var config struct {
		browser.Config
		Parent string        // this is the callback page, and this the page around it
		Ahead  time.Duration // how far the clock is ahead
		Traced bool          // game.spans says what has ended
	}
	text := js.Global().Get("JSON").Call("stringify", js.Global().Get("config")).String()
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		panic(err)
	}
	if config.Parent != "" {
		if err := browser.LogoutSilentCallback(config.Parent); err != nil {
			panic(err)
		}
		return
	}
	config.Now = func() time.Time { return time.Now().Add(config.Ahead) }
	game := js.Global().Get("Object").New()
	events := js.Global().Get("Array").New()
	config.OnEvent = func(e passport.Event) { events.Call("push", string(e.Name)) }
	game.Set("events", events)
	if config.Traced {
		config.Trace = trace(game)
	}
	p, err := browser.New(config.Config)
	if err != nil {
		game.Set("refused", err.Error())
		js.Global().Get("parent").Call("postMessage", err.Error(), "*")
		js.Global().Set("game", game)
		return
	}
	for name, do := range map[string]func(ctx context.Context, argument string) (any, error){
		"login": func(ctx context.Context, returnTo string) (any, error) {
			return nil, p.Login(ctx, passport.LoginOptions{ReturnTo: returnTo})
		},
		"loginUnasked": func(ctx context.Context, returnTo string) (any, error) {
			return nil, p.Login(ctx, passport.LoginOptions{ReturnTo: returnTo, Prompt: "none"})
		},
		"loginPopup": func(ctx context.Context, _ string) (any, error) {
			s, err := p.LoginPopup(ctx, passport.LoginOptions{})
			if err != nil {
				return nil, err
			}
			return s.Subject(), nil
		},
		"awaitSession": func(ctx context.Context, _ string) (any, error) {
			s, err := p.AwaitSession(ctx)
			if err != nil {
				return nil, err
			}
			return s.Subject(), nil
		},
		"logoutPopup": func(ctx context.Context, _ string) (any, error) {
			l, err := p.LogoutPopup(ctx)
			return account(l, err), nil
		},
		"cancelledCallback": func(ctx context.Context, _ string) (any, error) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, _, err := p.LoginCallback(ctx)
			return nil, err
		},
		"callback": func(ctx context.Context, _ string) (any, error) {
			s, returnTo, err := p.LoginCallback(ctx)
			if err != nil {
				return nil, err
			}
			return map[string]any{"subject": s.Subject(), "returnTo": returnTo}, nil
		},
		"failedCallback": func(ctx context.Context, _ string) (any, error) {
			_, returnTo, err := p.LoginCallback(ctx)
			return map[string]any{"returnTo": returnTo, "error": fmt.Sprint(err)}, nil
		},
		"api": func(ctx context.Context, address string) (any, error) {
			s, err := p.Session(ctx)
			if err != nil {
				return nil, err
			}
			return get(ctx, s.Client(), address)
		},
		"claims": func(ctx context.Context, _ string) (any, error) {
			s, err := p.Session(ctx)
			if err != nil {
				return nil, err
			}
			var claims map[string]any
			err = s.Claims(ctx, &claims)
			return claims, err
		},
		"email": func(ctx context.Context, _ string) (any, error) {
			profile, err := p.Profile(ctx)
			return profile.Email, err
		},
		"accessToken": func(ctx context.Context, _ string) (any, error) {
			token, err := p.AccessToken(ctx)
			return token.Reveal(), err
		},
		"ended": func(ctx context.Context, _ string) (any, error) {
			s, err := p.Session(ctx)
			if err != nil {
				return nil, err
			}
			<-s.Done(ctx)
			return true, nil
		},
		"logout": func(ctx context.Context, _ string) (any, error) {
			l, err := p.Logout(ctx)
			return account(l, err), nil
		},
		"unfinished": func(ctx context.Context, _ string) (any, error) {
			l, there := p.UnfinishedLogout(ctx)
			if !there {
				return nil, nil
			}
			return account(l, nil), nil
		},
		"close": func(ctx context.Context, _ string) (any, error) { return nil, p.Close(ctx) },
	} {
		game.Set(name, promising(do))
	}
	js.Global().Set("game", game)
	select {} // until the page goes
}

func get(ctx context.Context, client *http.Client, address string) (any, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// trace puts the name of each operation that has ended into game.spans.
func trace(game js.Value) func(context.Context, passport.Operation) passport.Span {
	spans := js.Global().Get("Array").New()
	game.Set("spans", spans)
	return func(_ context.Context, o passport.Operation) passport.Span {
		return passport.Span{
			Context: func(ctx context.Context) context.Context { return ctx },
			End: func(err error) {
				name := string(o)
				if err != nil {
					name += " failed"
				}
				spans.Call("push", name)
			},
		}
	}
}

func account(l passport.Logout, err error) map[string]any {
	a := map[string]any{
		"mode":       string(l.Mode),
		"url":        l.URL,
		"app":        string(l.App),
		"revocation": string(l.Revocation),
		"passport":   string(l.Passport),
	}
	if err != nil {
		a["error"] = err.Error()
	}
	return a
}

// promising is a function for scripts, which live as long as the page.
func promising(do func(ctx context.Context, argument string) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		argument := ""
		if len(args) > 0 {
			argument = args[0].String()
		}
		var executor js.Func
		executor = js.FuncOf(func(_ js.Value, settle []js.Value) any {
			go func() {
				defer executor.Release()
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				v, err := do(ctx, argument)
				if err != nil {
					settle[1].Invoke(js.Global().Get("Error").New(fmt.Sprint(err)))
					return
				}
				settle[0].Invoke(v)
			}()
			return nil
		})
		return js.Global().Get("Promise").New(executor)
	})
}
