package localstorage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall/js"
	"testing"
	"time"

	"github.com/passport-go/passport/storage"
)

// What takes several tabs, or the JavaScript SDK, is tested from outside: there
// this program is a page, with a Store that scripts can call.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "page" {
		os.Exit(m.Run())
	}
	s, err := New(Options{AuthenticationDomain: os.Args[2], ClientID: os.Args[3]})
	if err != nil {
		js.Global().Get("parent").Call("postMessage", err.Error(), "*")
	}
	js.Global().Set("store", page{s}.methods())
	select {}
}

type page struct{ *Store }

// input is what a method takes, and userView what it returns of a user.
type (
	input struct {
		Revision uint64
		Count    int
		Token    string // the ID token
		Refresh  string
		Extra    string
		IDs      []string
	}
	userView struct {
		Subject, Token, Refresh, Extra string
		Revision                       uint64
	}
)

func view(u User) userView {
	return userView{u.Subject, u.IDToken, u.RefreshToken, string(u.Extra), u.Revision}
}

func (in input) user() User {
	return User{
		IDToken: in.Token, AccessToken: "access", RefreshToken: in.Refresh, TokenType: "Bearer",
		Revision: in.Revision, Expiry: time.Now().Add(time.Hour), Extra: []byte(in.Extra),
	}
}

func (p page) methods() map[string]any {
	methods := map[string]any{}
	for name, method := range map[string]func(context.Context, input) (any, error){
		"load": func(ctx context.Context, _ input) (any, error) {
			u, err := p.LoadUser(ctx)
			return view(u), err
		},
		"save": func(ctx context.Context, in input) (any, error) {
			u, err := p.SaveUser(ctx, in.user())
			return view(u), err
		},
		"delete": func(ctx context.Context, in input) (any, error) {
			u, err := p.DeleteUser(ctx, in.Revision)
			return view(u), err
		},
		"deleteAndEnqueue": func(ctx context.Context, in input) (any, error) {
			r := storage.Record{ID: "revocation " + strconv.FormatUint(in.Revision, 10)}
			return p.DeleteUserAndEnqueue(ctx, in.Revision, r, time.Nanosecond)
		},
		"claim": func(ctx context.Context, in input) (any, error) { return p.Claim(ctx, "", 100, time.Nanosecond) },
		"count": func(ctx context.Context, in input) (any, error) { return nil, p.count(ctx, in.Count) },
		"counter": func(ctx context.Context, _ input) (any, error) {
			r, err := p.Load(ctx, "counter")
			return string(r.Data), err
		},
		"notify": func(ctx context.Context, in input) (any, error) { return nil, p.Notify(ctx, in.IDs...) },
		"listen": func(ctx context.Context, in input) (any, error) { return nil, p.listen(ctx) },
	} {
		methods[name] = promising(method)
	}
	return methods
}

// promising makes a function of JavaScript's, from JSON to a promise of JSON.
func promising(method func(context.Context, input) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		var in input
		if len(args) > 0 {
			if err := json.Unmarshal([]byte(js.Global().Get("JSON").Call("stringify", args[0]).String()), &in); err != nil {
				panic(err)
			}
		}
		promise := js.Global().Get("Promise").Call("withResolvers")
		go func() {
			result, err := method(context.Background(), in)
			if err != nil {
				promise.Call("reject", js.Global().Get("Error").New(err.Error()))
				return
			}
			out, _ := json.Marshal(result)
			promise.Call("resolve", js.Global().Get("JSON").Call("parse", string(out)))
		}()
		return promise.Get("promise")
	})
}

// count raises a number that the session holds, and one that a record holds.
func (p page) count(ctx context.Context, times int) error {
	for range times {
		if err := p.countUser(ctx); err != nil {
			return fmt.Errorf("in the session: %w", err)
		}
		if err := p.countRecord(ctx); err != nil {
			return fmt.Errorf("in the record: %w", err)
		}
	}
	return nil
}

func (p page) countUser(ctx context.Context) error {
	for {
		u, err := p.LoadUser(ctx)
		if err != nil {
			return err
		}
		u.Extra, u.RefreshToken = next(u.Extra), string(next([]byte(u.RefreshToken)))
		if _, err = p.SaveUser(ctx, u); !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}

func (p page) countRecord(ctx context.Context) error {
	for {
		r, err := p.Load(ctx, "counter")
		if errors.Is(err, storage.ErrNotFound) {
			r = storage.Record{ID: "counter", Subject: "0", Expiry: time.Now().Add(time.Hour)}
		} else if err != nil {
			return err
		}
		r.Data = next(r.Data)
		if _, err = p.Save(ctx, r); !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}

func next(number []byte) []byte {
	n, _ := strconv.Atoi(string(number))
	return strconv.AppendInt(nil, int64(n)+1, 10)
}

// listen returns once it is listening, and goes on, to window.heard.
func (p page) listen(ctx context.Context) error {
	heard := js.Global().Get("Array").New()
	js.Global().Set("heard", heard)
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- p.Listen(ctx, func() { close(ready) }, func(id string) { heard.Call("push", id) })
	}()
	select {
	case <-ready:
		return nil
	case err := <-ended:
		return err
	}
}
